"""The app of the tests: an API with a parameter from each place, results of several kinds, and a plain function."""

from __future__ import annotations

from typing import Annotated, Literal

import azure.functions as func
from pydantic import BaseModel, Field

import hosting
from hosting_openapi import Body, Header, Path, Query, Response, problem


class Line(BaseModel):
    """What is ordered."""

    sku: Annotated[str, Field(min_length=1, max_length=20)]
    quantity: Annotated[int, Field(gt=0)]


class Card(BaseModel):
    kind: Literal["card"]
    number: str


class Invoice(BaseModel):
    kind: Literal["invoice"]
    days: int = 30


class Order(BaseModel):
    customer: str
    lines: list[Line]
    payment: Annotated[Card | Invoice, Field(discriminator="kind")]
    note: str | int | None = None


class Placed(Order):
    id: int


class Paging(BaseModel):
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    tag: list[str] = []


class Category(BaseModel):
    """A tree."""

    name: str
    children: list[Category] = []


app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("orders", methods=["POST"])
@hosting.use("openapi", tags=["orders"])
def place(req: func.HttpRequest, order: Annotated[Order, Body]) -> Annotated[Placed, Response(201)]:
    """Place an order.

    It is *delivered*.
    """
    return Placed(id=1, **order.model_dump())


@app.route("orders", methods=["GET"])
async def find(
    req: func.HttpRequest, paging: Annotated[Paging, Query], x_tenant: Annotated[str, Header] = "none"
) -> Annotated[list[Line], Response]:
    return [
        Line(sku=x_tenant[:20] or "none", quantity=paging.limit),
        *(Line(sku=one[:9], quantity=1) for one in paging.tag if one),
    ]


@app.route("orders/{number}", methods=["GET"])
def show(
    req: func.HttpRequest, number: Annotated[int, Path, Field(ge=1, description="The number of the order.")]
) -> Annotated[Line, Response(others={404: "There is no such order."})]:
    if number > 10:
        return problem(404, "There is no such order.")  # type: ignore[return-value]
    return {"sku": "tea", "quantity": number}  # type: ignore[return-value]


@app.route("orders/{order:int}", methods=["DELETE"])
async def cancel(req: func.HttpRequest) -> Annotated[None, Response(204)]:
    return None


@app.route("categories", methods=["PUT"])
async def save(
    req: func.HttpRequest, category: Annotated[Category | None, Body] = None, dry: Annotated[bool, Query] = False
) -> Annotated[Category | None, Response]:
    return None if dry else category


@app.route("plain/{name?}", methods=["GET"])
def plain(req: func.HttpRequest) -> str:
    return "plain"


@app.timer_trigger(arg_name="timer", schedule="0 0 * * * *")
def clean(timer: func.TimerRequest) -> None: ...
