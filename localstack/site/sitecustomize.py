"""Read by Python when ministack starts: what cannot be configured.

* Its runtime API answers functions without Nagle's delay. With it each invocation waits some 40 ms for
  an acknowledgement, which no Lambda does.
* Where it enforces IAM, it takes requests as come over TLS. The stack's buckets refuse all others, and
  everything here stays on 127.0.0.1.
"""

import os
import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True

if os.environ.get("AUTH") == "true":
    from ministack.core import iam_evaluator

    pin_request_origin = iam_evaluator.pin_request_origin
    iam_evaluator.pin_request_origin = lambda address, _secure: pin_request_origin(address, True)
