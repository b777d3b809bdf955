import sys

import azure.functions as func

app = func.FunctionApp()

if "--forever" not in sys.argv:
    sys.exit("run me with --forever")
