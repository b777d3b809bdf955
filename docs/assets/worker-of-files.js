// Browsers start no worker for a page that was opened as a file. Search needs one: a hidden frame runs its script instead.
if (location.protocol === "file:") {
  window.Worker = class {
    #frame = document.createElement("iframe");
    #loaded;

    constructor(url) {
      this.#frame.hidden = true;
      document.body.append(this.#frame);
      const worker = this.#frame.contentWindow;
      worker.postMessage = (data) => setTimeout(() => this.onmessage?.({ data }));
      const script = worker.document.createElement("script");
      this.#loaded = new Promise((resolve) => script.addEventListener("load", resolve));
      script.src = new URL(url, location.href);
      worker.document.body.append(script);
    }

    postMessage(data) {
      this.#loaded.then(() => this.#frame.contentWindow.dispatchEvent(new MessageEvent("message", { data })));
    }

    terminate() {
      this.#frame.remove();
    }
  };
}
