"""Read by Python when ministack starts: its runtime API answers functions without Nagle's delay.

With it each invocation waits some 40 ms for an acknowledgement, which no Lambda does.
"""

import socketserver

socketserver.StreamRequestHandler.disable_nagle_algorithm = True
