// Runs driver.py in CPython for WebAssembly: node pyodide.mjs PYODIDE FACE APP CALLS FOLDER...
// The folders are the import path. There are no threads here, so that only async functions can run.
import { pathToFileURL } from "node:url";

const [pyodide, runtime, app, calls, ...folders] = process.argv.slice(2);
const { loadPyodide } = await import(pathToFileURL(`${pyodide}/pyodide.mjs`).href);
const env = { PYTHON_ENABLE_WORKER_EXTENSIONS: "1", HOSTING_ALLOW: "tracing", AzureWebJobsScriptRoot: "/app" };
const python = await loadPyodide({ env });
const mount = (place, folder) => {
  python.FS.mkdirTree(place);
  python.mountNodeFS(place, folder);
  return place;
};
mount("/app", app);
const path = folders.map((folder, number) => mount(`/path/${number}`, folder));
python.globals.set("given", python.toPy({ runtime, calls, path }));
console.log(
  await python.runPythonAsync(`
import json, sys
from pathlib import Path
sys.path[:0] = given["path"]
sys.path += ["/app/.python_packages/lib/site-packages", "/app"]
import azure.functions
from tests.support.driver import drive
told = await drive(given["runtime"], Path("/app"), json.loads(given["calls"]))
json.dumps({**told, "python": sys.version.split()[0], "library": azure.functions.__version__})
`),
);
