"""The extension."""

import azure.functions as func

import hosting


class Stamp:
    color = "red"

    @hosting.hookimpl
    def configure(self, settings):
        self.color = settings.get("color", self.color)

    @hosting.hookimpl
    async def post_invocation_app_level(self, context, func_ret):
        if isinstance(func_ret, func.HttpResponse):
            func_ret.headers["X-Stamp"] = self.color
