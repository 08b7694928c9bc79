"""ModelPusher: publishes a blessed model atomically."""
