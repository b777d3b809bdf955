"""A shop whose functions log with structlog in all the places in which an app can."""

import threading

import azure.functions as func
import structlog

log = structlog.get_logger()
log.info("imported", stage="import")

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders/{number}")
def order(req: func.HttpRequest) -> str:
    """Log in a thread of the host, and in one of its own."""
    bound = log.bind(number=int(req.route_params["number"]))
    bound.info("order received", name="Ann", items=["pen"], status="new")
    thread = threading.Thread(target=lambda: log.info("in the background"))
    thread.start()
    thread.join()
    return "fine"


@app.route("pay")
async def pay(req: func.HttpRequest) -> str:
    """Log on the event loop, and an exception."""
    with structlog.contextvars.bound_contextvars(customer="c7"):
        await log.ainfo("paying")
        cards: dict[str, str] = {}
        try:
            cards.pop("card")
        except KeyError:
            log.exception("refused", amount=3.5)
    structlog.get_logger("bank").debug("a detail")
    return "fine"


@app.route("fail")
def fail(req: func.HttpRequest) -> str:
    """Fail."""
    raise ValueError("sold out")
