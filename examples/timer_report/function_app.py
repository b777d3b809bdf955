"""One timer: every five minutes it writes down how full the disk is."""

import logging
import os
import shutil
import tempfile
from datetime import datetime
from pathlib import Path

import azure.functions as func

app = func.FunctionApp()


@app.timer_trigger("timer", schedule="%REPORT_SCHEDULE%")
def report(timer: func.TimerRequest) -> None:
    disk = shutil.disk_usage(Path.home())
    line = f"{datetime.now():%Y-%m-%d %H:%M:%S}  {disk.used / disk.total:.0%} of the disk is used"
    folder = os.environ.get("REPORT_FOLDER") or tempfile.gettempdir()
    file = Path(folder, "timer-report.txt")
    with file.open("a", encoding="utf-8") as lines:
        print(line + ", late" * timer.past_due, file=lines)
    logging.info("%s has one more line.", file)
