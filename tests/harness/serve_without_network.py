"""`bonafide serve` with a model of numpy alone, so that its processes start without TensorFlow.

Worker processes import this file as their main module, and with it the stand-in.
"""

import sys

import service_thread

from bonafide.scoring import serve
from bonafide.scoring.service import app

app.create.__defaults__ = (service_thread.load,)

if __name__ == "__main__":
    sys.exit(serve.main())
