"""ModelPusher: publishes a blessed model whole or not at all."""
