"""A shop: a request becomes a message, the message a receipt in a blob, and a timer counts what is open.

Who may call, what a valid order is, the traces and the metrics come from four extensions.
"""

import json
import logging
import uuid
from typing import Annotated

import azure.functions as func
from hosting_auth import Principal
from hosting_openapi import Body, Path, Response, problem
from opentelemetry.propagate import inject
from prometheus_client import Counter
from pydantic import BaseModel, Field

import hosting

app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))

STORAGE = "AzureWebJobsStorage"
placed = Counter("shop_orders", "Orders that were accepted.")


class Order(BaseModel):
    """What a customer asks for."""

    sku: str = Field(pattern="^[a-z]{1,20}$")
    quantity: int = Field(default=1, ge=1, le=100)


class Receipt(Order):
    """An order that was accepted."""

    id: str
    customer: str


@app.route("orders", methods=["POST"])
@app.queue_output("message", "orders", STORAGE)
@hosting.use("auth", scopes=["Orders.Write"])
async def place(
    req: func.HttpRequest,
    order: Annotated[Order, Body],
    user: Annotated[Principal, hosting.Inject],
    message: func.Out[str],
) -> Annotated[Receipt, Response(202)]:
    """Place an order."""
    receipt = Receipt(**order.model_dump(), id=uuid.uuid4().hex, customer=user.subject)
    trace: dict[str, str] = {}
    inject(trace)  # the message has the trace of the request
    message.set(json.dumps({**receipt.model_dump(), **trace}))
    placed.inc()
    return receipt


@app.queue_trigger("message", "orders", STORAGE)
@app.blob_output("receipt", "receipts/{id}.json", STORAGE)
def pack(message: func.QueueMessage, receipt: func.Out[str]) -> None:
    order = Receipt.model_validate_json(message.get_body())
    if order.sku == "unicorn":
        raise ValueError("there are no unicorns")
    logging.info("packed %d %s", order.quantity, order.sku)
    receipt.set(order.model_dump_json())


@app.route("orders/{id}", methods=["GET"])
@app.blob_input("receipt", "receipts/{id}.json", STORAGE)
@hosting.use("auth", scopes=["Orders.Read"])
def show(
    req: func.HttpRequest, number: Annotated[str, Path("id"), Field(pattern="^[0-9a-f]{32}$")], receipt: str
) -> Annotated[Receipt, Response(others={404: "The order is not packed yet."})]:
    """Show an order that was packed."""
    if receipt is None:
        return problem(404, "The order is not packed yet.")
    return Receipt.model_validate_json(receipt)


@app.timer_trigger("timer", "0 0 * * * *", run_on_startup=True)
def report(timer: func.TimerRequest) -> None:
    logging.info("the shop is open")


@app.route("alive", methods=["GET"])
def alive(req: func.HttpRequest) -> str:
    """Say that the shop is open: everybody may ask."""
    return "yes"
