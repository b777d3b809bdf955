"use strict";
(() => {
  const MAX_ROWS = 200, MAX_LINES = 500;
  const state = { key: "", token: "", functions: new Map(), held: false, missed: 0, before: null, current: null, reading: null, polling: null, known: new Set(), cleared: [] };
  const $ = (id) => document.getElementById(id);

  /* Everything that comes from the host is shown as text: nothing here makes HTML of it. */
  const plain = (text) => String(text).replace(/\x1b\[[0-9;:?]*[A-Za-z]/g, "").replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, "\ufffd");
  function make(tag, text = "", className = "") {
    const element = document.createElement(tag);
    if (text !== "") element.textContent = plain(text);
    if (className) element.className = className;
    return element;
  }
  function button(text, action, label = "") {
    const element = make("button", text);
    element.type = "button";
    if (label) element.setAttribute("aria-label", label);
    element.addEventListener("click", action);
    return element;
  }
  function put(element, text, className = null) {
    const value = String(text ?? "");
    if (element.textContent !== value) element.textContent = value;
    if (className !== null && element.className !== className) element.className = className;
  }
  function row(...cells) {
    const line = make("tr");
    for (const cell of cells) {
      if (cell instanceof Node && cell.nodeName === "TD") line.append(cell);
      else { const td = make("td"); td.append(cell instanceof Node ? cell : plain(cell ?? "")); line.append(td); }
    }
    return line;
  }
  const cell = (text, className = "") => make("td", String(text ?? ""), className);
  const clock = (time) => new Date(time).toLocaleTimeString([], { hour12: false });
  const span = (ms) => ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;

  /* Requests */
  function said(text) { try { return JSON.parse(text).error || text; } catch { return text; } }
  class Refused extends Error { constructor(status, text) { super(said(text) || `status ${status}`); this.status = status; } }
  function headers(more = {}) { return state.key ? { "x-functions-key": state.key, ...more } : more; }
  async function ask(path, options = {}) {
    const reply = await fetch(path, { ...options, headers: headers(options.headers), cache: "no-store", credentials: "same-origin", redirect: "error" });
    if (!reply.ok && !(options.accepts || []).includes(reply.status)) throw new Refused(reply.status, (await reply.text()).trim());
    return reply.json();
  }
  const change = (path, body = {}) => ask(path, { method: "POST", body: JSON.stringify(body), headers: { "content-type": "application/json", "x-hosting-token": state.token } });
  function trouble(error) {
    if (error instanceof Refused && error.status === 401) {
      state.reading?.abort();
      $("panels").hidden = true; $("sign-in").hidden = false;
      if (state.key) { state.key = ""; $("trouble").textContent = "The host does not accept this key."; $("trouble").hidden = false; }
      $("key").focus();
      return;
    }
    $("trouble").textContent = error instanceof Refused ? `The host refuses: ${error.message}` : "The host does not answer. Trying again.";
    $("trouble").hidden = false;
  }

  /* Figures */
  function tile(name, value, className = "") {
    const box = make("div");
    box.append(make("dt", name), make("dd", value, className));
    return box;
  }
  function showFigures(figures) {
    const { host, totals } = figures, now = performance.now();
    state.token = figures.token;
    let rate = 0;
    if (state.before) rate = Math.max(0, (totals.invocations - state.before.count) * 1000 / (now - state.before.at));
    state.before = { count: totals.invocations, at: now };
    put($("app"), host.id);
    document.title = `${host.id}: ${host.state}`;
    const several = host.processes ? `, ${host.processes.length} processes` : "";
    put($("host"), `${host.state} for ${uptime(host.processUptime)}${several}, hosting ${host.version}, Python ${host.platformVersion}`);
    $("tiles").replaceChildren(
      tile("Invocations per second", rate.toFixed(1)), tile("Running", totals.running),
      tile("Invocations", totals.invocations), tile("Errors", totals.errors, totals.errors ? "bad" : ""),
      tile("Functions", figures.functions.length));
    $("problems").replaceChildren(...host.errors.slice(0, 20).map((text) => make("li", text)));
    showFunctions(figures.functions);
    showRunning(figures.running);
    showSources(figures.functions);
  }
  function uptime(ms) {
    const minutes = Math.floor(ms / 60000);
    return minutes < 1 ? `${Math.floor(ms / 1000)} s` : minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }
  function where(one) {
    if ("route" in one) return `${one.methods.join(", ") || "any method"} ${one.route}`;
    if (one.state.next) return `next ${when(one.state.next)}`;
    if ("waiting" in one.state) return `${one.state.source}: ${one.state.waiting} waiting`;
    return one.state.error || "";
  }
  const when = (text) => Number.isNaN(Date.parse(text)) ? text : new Date(text).toLocaleString();
  function lastResult(one) {
    if (one.error) return [`cannot run: ${one.error}`, "bad"];
    if (one.isDisabled) return ["disabled", "warn"];
    if (!one.last) return ["not yet", "soft"];
    const code = one.last.statusCode === null ? "" : ` ${one.last.statusCode}`;
    return [`${one.last.status}${code}, ${span(one.last.durationMs)}, ${clock(one.last.time)} ${one.last.error}`, one.last.error ? "bad" : "good"];
  }
  function showFunctions(list) {
    const body = $("functions"), seen = new Set(), added = document.createDocumentFragment();
    for (const one of list) {
      seen.add(one.name);
      let known = state.functions.get(one.name);
      if (!known) {
        const cells = ["", "", "", "number", "number", "number", ""].map((name) => cell("", name));
        const action = cell("");
        known = { line: row(...cells, action), cells };
        if ("route" in one || one.isRunnable) action.append(button("Run", () => openTry(state.functions.get(one.name).one), `Run ${one.name}`), " ");
        const outputs = button("Outputs", () => openOutputs(one.name), `Outputs of ${one.name}`);
        action.append(outputs);
        known.outputs = outputs;
        state.functions.set(one.name, known);
        added.append(known.line);
      }
      known.one = one;
      const [text, className] = lastResult(one);
      const values = [one.name, one.trigger, where(one), one.invocations, one.errors, one.running];
      values.forEach((value, place) => put(known.cells[place], value));
      put(known.cells[4], one.errors, one.errors ? "number bad" : "number");
      put(known.cells[6], text, className);
      known.outputs.hidden = !one.outputs;
    }
    for (const [name, known] of state.functions) if (!seen.has(name)) { known.line.remove(); state.functions.delete(name); }
    if (added.childNodes.length) { body.append(added); filterFunctions(); }
  }
  function filterFunctions() {
    const wanted = $("filter").value.trim().toLowerCase();
    let count = 0;
    for (const [name, known] of state.functions) {
      const text = `${name} ${known.one.trigger} ${known.one.route || ""}`.toLowerCase();
      known.line.hidden = !text.includes(wanted);
      if (!known.line.hidden) count += 1;
    }
    put($("shown"), `${count} of ${state.functions.size}`);
  }
  function showSources(list) {
    const lines = list.filter((one) => "schedule" in one.state || "waiting" in one.state || one.state.error).map((one) => row(
      one.name, cell(one.state.schedule || one.state.source || one.state.error || "", one.state.error ? "bad" : ""),
      cell(one.state.waiting ?? "", "number"), cell(one.state.poisoned ?? "", one.state.poisoned ? "number bad" : "number"), one.state.next ? when(one.state.next) : ""));
    $("events").replaceChildren(...lines);
    $("event-table").hidden = !lines.length; $("no-events").hidden = !!lines.length;
  }

  /* Invocations and log, as they happen */
  function showRunning(list) {
    $("running").replaceChildren(...list.slice(0, 50).map((one) => row(
      cell(clock(one.time), "number"), one.function, cell("running", "warn"), cell(span(one.durationMs), "number"), cell(one.attempt, "number"), "", storyButton(one))));
  }
  const storyButton = (one) => button("Log", () => openStory(one), `Log of ${one.function}, ${one.invocationId}`);
  function eventText(one) {
    const { method, path, ...others } = one.trigger || {};
    const rest = Object.entries(others).map(([name, value]) => `${name}=${value}`).join(" ");
    return [method, path, rest, one.error].filter(Boolean).join(" ");
  }
  function addInvocations(list) {
    if (state.held) { state.missed += list.length; return showMissed(); }
    const wanted = $("failed-only").checked ? list.filter((one) => one.error) : list;
    const fresh = document.createDocumentFragment();
    for (const one of wanted.slice(-MAX_ROWS).reverse()) {
      const code = one.statusCode === null ? "" : ` ${one.statusCode}`;
      const line = row(cell(clock(one.time), "number"), one.function, cell(one.status + code, one.error ? "bad" : "good"),
        cell(span(one.durationMs), "number"), cell(one.attempt, "number"), eventText(one), storyButton(one));
      line.key = keyOf(one);
      fresh.append(line);
    }
    const body = $("invocations");
    body.prepend(fresh);
    while (body.childElementCount > MAX_ROWS) body.lastElementChild.remove();
  }
  function showMissed() { put($("missed"), state.missed ? `${state.missed} more are not shown` : ""); }
  function logLine(one) {
    const bad = one.level === "error" || one.level === "critical";
    const text = `${clock(one.time)} ${one.function ? `${one.function}: ` : ""}${one.message}`;
    return make("div", text, bad ? "bad" : one.level === "warning" ? "warn" : "");
  }
  function addLines(list) {
    const box = $("log"), wanted = $("log-filter").value.toLowerCase();
    const follows = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    const fresh = document.createDocumentFragment();
    for (const one of list.slice(-MAX_LINES)) {
      const line = logLine(one);
      line.key = keyOf(one);
      line.hidden = !line.textContent.toLowerCase().includes(wanted);
      fresh.append(line);
    }
    box.append(fresh);
    while (box.childElementCount > MAX_LINES) box.firstElementChild.remove();
    if (follows) box.scrollTop = box.scrollHeight;
  }
  function onEvent(name, data) {
    if (name === "invocations") addInvocations(data.filter((one) => !state.known.has(keyOf(one))));
    else if (name === "logs") addLines(data.filter((one) => !state.known.has(keyOf(one))));
    else if (name === "dropped" && data.kind === "invocations") { state.missed += data.count; showMissed(); }
    else if (name === "dropped") addLines([{ time: Date.now(), level: "warning", function: null, message: `${data.count} lines came too fast to be shown` }]);
  }
  /* A new connection brings what happened meanwhile, and some of what is shown already. */
  const keyOf = (one) => "durationMs" in one ? `${one.invocationId} ${one.attempt}` : `${one.time} ${one.function} ${one.message}`;
  const keys = (box) => [...box.children].map((one) => one.key);
  async function follow() {
    state.reading?.abort();
    const { signal } = state.reading = new AbortController();
    while (!signal.aborted) {
      try {
        const reply = await fetch("/admin/host/events?past=100", { headers: headers(), cache: "no-store", redirect: "error", signal });
        if (!reply.ok) throw new Refused(reply.status, (await reply.text()).trim());
        state.known = new Set([...keys($("invocations")), ...keys($("log")), ...state.cleared]);
        const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
        let text = "";
        for (;;) {
          const { done, value } = await reader.read();
          if (done) break;
          text += value;
          const parts = text.split("\n\n");
          text = parts.pop();
          for (const part of parts) {
            const [first, second] = part.split("\n");
            if (first.startsWith("event: ")) onEvent(first.slice(7), JSON.parse(second.slice(6)));
          }
        }
      } catch (error) {
        if (error instanceof Refused) { trouble(error); if (error.status === 401) return; }
      }
      await new Promise((done) => setTimeout(done, 2000));
    }
  }

  /* Chart */
  function path(points, end, value, most, className) {
    const line = document.createElementNS("http://www.w3.org/2000/svg", "path");
    let text = "", last = null;
    for (const point of points) {
      const x = 720 - (end - point.time) / 5, y = 136 - 132 * Math.min(1, value(point) / most);
      if (x < 0) continue;
      text += `${last !== null && point.time - last <= 30 ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}h2`;
      last = point.time;
    }
    line.setAttribute("d", text || "M0 0");
    line.setAttribute("class", className);
    return line;
  }
  function showChart(chart) {
    const points = chart.points, end = Date.now() / 1000;
    if (!points.length) return;
    const rate = (point) => point.invocations / chart.secondsPerPoint, errors = (point) => point.errors / chart.secondsPerPoint;
    const most = Math.max(1, ...points.map(rate)), longest = Math.max(1, ...points.map((point) => point.p99));
    const log = (name) => (point) => Math.log1p(point[name]);
    const last = points[points.length - 1];
    $("rates").replaceChildren(path(points, end, rate, most, "stroke-accent"), path(points, end, errors, most, "stroke-bad"));
    $("durations").replaceChildren(path(points, end, log("p50"), Math.log1p(longest), "stroke-good"), path(points, end, log("p95"), Math.log1p(longest), "stroke-warn"), path(points, end, log("p99"), Math.log1p(longest), "stroke-bad"));
    const count = points.reduce((sum, point) => sum + point.invocations, 0), failed = points.reduce((sum, point) => sum + point.errors, 0);
    const rates = `${count} invocations, ${failed} errors, at most ${most.toFixed(1)} per second`;
    const durations = `Latest: ${span(last.p50)}, ${span(last.p95)}, ${span(last.p99)}; at most ${span(longest)}`;
    put($("rates-scale"), rates); put($("durations-scale"), durations);
    $("rates").setAttribute("aria-label", rates); $("durations").setAttribute("aria-label", durations);
  }

  /* Extensions */
  function hookText(one) {
    return Object.entries(one.statistics).filter(([, figures]) => figures.calls || figures.errors).map(([name, figures]) =>
      `${name}: ${figures.calls}, ${figures.errors} errors, ${span(figures.calls ? figures.total_ms / figures.calls : 0)}, ${span(figures.max_ms)}`).join("\n") || one.hooks.join("\n");
  }
  async function act(name, action, word = "") {
    try {
      await change(`/admin/extensions/${encodeURIComponent(name)}/${action}${word && `?${word}`}`);
      put($("done"), `${name}: ${action} is done.`, "good");
    } catch (error) { put($("done"), `${name}: ${error.message}`, "bad"); }
    await refreshExtensions();
  }
  function actions(one) {
    const box = make("span");
    if (["paused", "quarantined"].includes(one.status)) box.append(button("Resume", () => act(one.name, "resume"), `Resume ${one.name}`));
    else if (one.status === "active" && one.guard) box.append(
      button("Pause, deny all", () => act(one.name, "pause", "deny"), `Pause ${one.name} and deny all`), " ",
      button("Pause, let all in", () => { if (confirm(`Run the functions without their guard ${one.name}, for every caller?`)) act(one.name, "pause", "open"); }, `Pause ${one.name} and let all in`));
    else if (one.status === "active") box.append(button("Pause", () => act(one.name, "pause"), `Pause ${one.name}`));
    return box;
  }
  async function refreshExtensions() {
    const diagnosis = await ask("/admin/host/extensions");
    if (document.activeElement && $("extensions").contains(document.activeElement) && JSON.stringify(diagnosis.extensions.map((one) => one.status)) === state.statuses) return;
    state.statuses = JSON.stringify(diagnosis.extensions.map((one) => one.status));
    const lines = diagnosis.extensions.map((one) => {
      const hooks = cell("", "hooks");
      for (const text of hookText(one).split("\n")) hooks.append(make("div", text));
      const bad = ["failed", "quarantined", "blocked", "erring"].includes(one.status);
      const why = one.error ? `${one.error.type}: ${one.error.message}` : one.reason;
      return row(one.position ?? "", `${one.name}${one.guard ? " (guard)" : ""} ${one.version || ""}`, cell(one.status, bad ? "bad" : one.status === "active" ? "good" : "warn"), hooks, cell(why || "", one.error ? "bad" : ""), actions(one));
    });
    $("extensions").replaceChildren(...lines);
    $("extension-table").hidden = !lines.length; $("no-extensions").hidden = !!lines.length;
  }
  async function refreshHealth() {
    const health = await ask("/admin/health?expand=true", { accepts: [503] });
    put($("healthy"), `The host is ${health.status.toLowerCase()}.`, health.status === "Healthy" ? "good" : "bad");
    $("health").replaceChildren(...Object.entries(health.entries || {}).map(([name, one]) => row(name, cell(one.status, one.status === "Healthy" ? "good" : "bad"), one.description || "")));
  }
  async function showSettings() {
    const found = await ask("/admin/host/settings");
    $("settings").replaceChildren(...Object.entries(found.settings).map(([name, value]) => row(name, value)));
    put($("host-json"), JSON.stringify(found.hostJson, null, 2));
  }

  /* Try a function */
  function sample(one) {
    const samples = { queuetrigger: "a message", servicebustrigger: "a message", eventgridtrigger: '{"id": "1", "eventType": "test", "subject": "test", "eventTime": "2026-01-01T00:00:00Z", "dataVersion": "1", "data": {}}', eventhubtrigger: '{"value": 1}', cosmosdbtrigger: '[{"id": "1"}]' };
    return samples[one.trigger.toLowerCase()] || "";
  }
  function openTry(one) {
    const isHttp = "route" in one;
    state.current = one;
    put($("try-title"), `Run ${one.name}`);
    $("request").hidden = !isHttp;
    $("method").replaceChildren(...(isHttp ? (one.methods.length ? one.methods : ["GET", "POST", "PUT", "PATCH", "DELETE"]) : []).map((name) => make("option", name)));
    $("path").value = one.route || "";
    $("body").value = isHttp ? "" : sample(one);
    put($("body-label"), isHttp ? "Body" : "What the trigger brings");
    put($("outcome"), "", ""); put($("result"), "");
    $("try").showModal();
  }
  async function runManually(one) {
    const text = $("body").value;
    const done = await change(`/admin/functions/${encodeURIComponent(one.name)}/run`, text === "" ? {} : { input: text });
    put($("outcome"), `${done.status} in ${span(done.durationMs)}${done.attempts > 1 ? ` after ${done.attempts} attempts` : ""}`, done.error ? "bad" : "good");
    put($("result"), done.error || (done.returned ? done.returned.value : "It returned nothing."));
  }
  async function sendRequest() {
    const method = $("method").value, target = $("path").value, start = performance.now();
    if (!target.startsWith("/") || target.startsWith("//") || /[{}\\]/.test(target)) throw new Error("Write a path of this host, with values in place of the parameters.");
    const hasBody = $("body").value !== "" && !["GET", "HEAD"].includes(method);
    const reply = await fetch(target, { method, body: hasBody ? $("body").value : undefined, headers: headers(hasBody ? { "content-type": $("type").value } : {}), cache: "no-store", redirect: "manual" });
    const text = await reply.text();
    put($("outcome"), `${reply.status || "redirect"} in ${span(performance.now() - start)}`, reply.ok ? "good" : "bad");
    put($("result"), text.length > 100000 ? `${text.slice(0, 100000)}...` : text);
  }
  async function onTry(event) {
    event.preventDefault();
    put($("outcome"), "Running", "");
    try { await ("route" in state.current ? sendRequest() : runManually(state.current)); }
    catch (error) { put($("outcome"), error.message, "bad"); }
    refreshFigures();
  }
  async function openStory(one) {
    put($("story-title"), one.function);
    const facts = [["Invocation", one.invocationId], ["Start", new Date(one.time).toLocaleString()], ["Status", one.status || "running"], ["Duration", span(one.durationMs)], ["Attempt", one.attempt]];
    if (one.trigger) facts.push(["Event", eventText(one)]);
    $("story-facts").replaceChildren(...facts.filter(([, value]) => value !== "").map(([name, value]) => tile(name, value)));
    $("story-log").replaceChildren(make("div", "Reading the log"));
    $("story").showModal();
    try {
      const { lines } = await ask(`/admin/host/logs?invocation=${encodeURIComponent(one.invocationId)}`);
      $("story-log").replaceChildren(...(lines.length ? lines.map(logLine) : [make("div", "It has logged nothing, or it is too long ago.")]));
    } catch (error) { $("story-log").replaceChildren(make("div", error.message, "bad")); }
  }

  async function openOutputs(name) {
    put($("story-title"), `${name}: outputs that were not sent, and results of manual runs`);
    $("story-facts").replaceChildren();
    $("story-log").replaceChildren(make("div", "Reading them"));
    if (!$("story").open) $("story").showModal();
    try {
      const { outputs } = await ask(`/admin/functions/${encodeURIComponent(name)}/outputs`);
      $("story-log").replaceChildren(...outputs.reverse().map((one) => {
        const rest = one.length > one.value.length ? `... (${one.length} characters)` : "";
        return make("div", `${clock(one.time)} ${one.name} (${one.type}), invocation ${one.invocationId}:\n${one.value}${rest}`);
      }));
    } catch (error) { $("story-log").replaceChildren(make("div", error.message, "bad")); }
  }

  /* Panels of packages: they send data, which is drawn here */
  const panels = new Map(), STATES = { good: "good", bad: "bad", waiting: "warn" };
  let fieldCount = 0;
  function panelCell(panel, value) {
    if (value === null || typeof value !== "object") return document.createTextNode(String(value ?? ""));
    if ("time" in value) return document.createTextNode(new Date(value.time).toLocaleString());
    if ("query" in value) { const link = button(value.text, () => openPanel(panel, value.query)); link.className = "link"; return link; }
    return make("span", value.text, STATES[value.state] || "");
  }
  function scrolling(label, ...inner) {
    const box = make("div", "", "scroll");
    box.setAttribute("role", "group"); box.setAttribute("aria-label", label); box.tabIndex = 0;
    box.append(...inner);
    return box;
  }
  function drawRows(label, columns, rows) {
    const table = make("table"), head = make("thead"), body = make("tbody"), line = make("tr");
    for (const name of columns) { const th = make("th", name); th.scope = "col"; line.append(th); }
    head.append(line); body.append(...rows); table.append(head, body);
    return scrolling(label, table);
  }
  function drawTable(panel, part) {
    if (!part.rows.length) return [make("p", part.empty)];
    const rows = part.rows.map((cells) => row(...cells.map((value) => panelCell(panel, value))));
    return [drawRows(part.title || panel.title, part.columns, rows), ...(part.more ? [panelCell(panel, part.more)] : [])];
  }
  function drawFacts(panel, part) {
    const list = make("dl", "", "facts");
    for (const [name, value] of part.facts) {
      const box = make("div"), dd = make("dd");
      dd.append(panelCell(panel, value)); box.append(make("dt", name), dd); list.append(box);
    }
    return [list];
  }
  function drawText(panel, part) {
    if (!part.title) return [make("p", part.text, STATES[part.state] || "")];
    const text = make("pre", part.text, STATES[part.state] || "");
    text.tabIndex = 0; text.setAttribute("role", "group"); text.setAttribute("aria-label", part.title);
    return [text];
  }
  function svg(tag, attributes, text = "") {
    const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    if (text) element.textContent = text;
    return element;
  }
  function drawTimeline(panel, part) {
    if (!part.bars.length) return [make("p", "Nothing has happened yet.")];
    const now = Date.now(), ends = part.bars.map((bar) => bar.end ?? Math.max(now, bar.start));
    const from = part.bars.reduce((least, bar) => Math.min(least, bar.start), Infinity), to = Math.max(...ends);
    const whole = Math.max(1, to - from), height = part.bars.length * 34 + 4;
    const picture = svg("svg", { class: "timeline", role: "list", height, "aria-label": `${part.title}: ${part.bars.length} steps in ${span(to - from)}` });
    const rows = part.bars.map((bar, place) => {
      const took = span(ends[place] - bar.start), after = span(bar.start - from), status = bar.status.text || "", state = STATES[bar.status.state] || "soft";
      const words = `${bar.kind} ${bar.label}${status ? `, ${status}` : ""}: ${ends[place] > bar.start ? `${took}, ` : ""}${after} after the start`;
      const left = 100 * (bar.start - from) / whole, width = Math.max(0.6, 100 * (ends[place] - bar.start) / whole);
      const item = svg("g", { role: "listitem", "aria-label": words });
      item.append(svg("title", {}, words), svg("text", { x: 2, y: place * 34 + 14 }, `${bar.label} (${bar.kind}) ${ends[place] > bar.start ? took : ""}`),
        svg("rect", { x: `${Math.min(left, 99.4).toFixed(3)}%`, y: place * 34 + 19, width: `${Math.min(width, 100 - Math.min(left, 99.4)).toFixed(3)}%`, height: 10, class: `fill-${state}` }));
      picture.append(item);
      return row(bar.label, bar.kind, cell(new Date(bar.start).toLocaleString()), cell(after, "number"), cell(bar.end === null ? `${took} so far` : took, "number"), cell(status, STATES[bar.status.state] || ""), bar.detail);
    });
    return [scrolling(`${part.title}, picture`, picture), drawRows(`${part.title}, table`, ["Step", "Kind", "Start", "After", "Took", "Status", "Detail"], rows)];
  }
  function drawField(form, one) {
    const id = `field-${fieldCount += 1}`, label = make("label", one.label + (one.isRequired ? " (required)" : ""));
    const element = make({ multiline: "textarea", choice: "select" }[one.kind] || "input");
    label.htmlFor = element.id = id;
    element.name = one.name; element.autocomplete = "off"; element.spellcheck = false;
    if (one.kind === "choice") element.append(...one.choices.map((value) => { const option = make("option", value || "(none)"); option.value = value; return option; }));
    if (one.kind === "checkbox") { element.type = "checkbox"; element.checked = one.value === "true"; }
    else { if (one.value || one.kind !== "choice") element.value = one.value; element.required = one.isRequired; }
    if (one.kind === "number") element.inputMode = "decimal";
    const box = make("div", "", "field");
    box.append(label, element);
    if (one.hint) { const hint = make("p", one.hint, "soft"); hint.id = `${id}-hint`; element.setAttribute("aria-describedby", hint.id); box.append(hint); }
    form.append(box);
    return () => [one.name, one.kind === "checkbox" ? String(element.checked) : element.value];
  }
  function drawForm(panel, part) {
    const form = make("form"), reads = part.fields.map((one) => drawField(form, one)), submit = make("button", part.button);
    submit.type = "submit";
    if (part.title && part.title !== part.button) submit.setAttribute("aria-label", `${part.button}: ${part.title}`);
    form.append(submit);
    form.addEventListener("input", () => { panel.dirty = true; });
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const values = { ...part.values, ...Object.fromEntries(reads.map((read) => read())) };
      if (!part.action) return openPanel(panel, Object.fromEntries(Object.entries(values).filter(([, value]) => value !== "")));
      if (part.confirm && !confirm(part.confirm)) return;
      submit.disabled = true;
      await actPanel(panel, part.action, values, part.keepsValues);
      submit.disabled = false;
    });
    return [form];
  }
  const DRAW = { table: drawTable, facts: drawFacts, text: drawText, timeline: drawTimeline, form: drawForm };
  function drawPart(panel, part) {
    const box = make("div", "", "part");
    if (part.title) box.append(make("h3", part.title));
    box.append(...DRAW[part.kind](panel, part));
    return box;
  }
  async function actPanel(panel, action, values, isKept) {
    put(panel.note, "Working", "");
    panel.answer.replaceChildren();
    try {
      const { parts } = await change(`/admin/host/panels/${panel.name}/${encodeURIComponent(action)}`, values);
      put(panel.note, "");
      panel.answer.replaceChildren(...parts.map((part) => drawPart(panel, part)));
    } catch (error) { return put(panel.note, error.message, "bad"); }
    if (isKept) return;
    panel.dirty = false;
    panel.heading.focus();
    await loadPanel(panel, true, true);
  }
  async function openPanel(panel, query) {
    panel.query = query; panel.dirty = false;
    panel.answer.replaceChildren(); put(panel.note, "");
    panel.back.hidden = !Object.keys(query).length;
    panel.heading.focus();
    await loadPanel(panel, true);
  }
  async function loadPanel(panel, isWanted = false, mayBeGone = false) {
    const query = panel.query;
    let parts;
    try { ({ parts } = await ask(`/admin/host/panels/${panel.name}?${new URLSearchParams(query)}`)); }
    catch (error) {
      if (!(error instanceof Refused) || error.status === 401) throw error;
      if (mayBeGone && error.status === 400) { panel.query = {}; panel.back.hidden = true; return loadPanel(panel, true); }
      if (panel.query === query) { put(panel.note, error.message, "bad"); if (isWanted) { panel.text = ""; panel.parts.replaceChildren(); } }
      return;
    }
    const text = JSON.stringify(parts);
    const moves = parts.some((part) => part.kind === "timeline" && part.bars.some((bar) => bar.end === null));
    if (panel.query !== query || (!isWanted && ((text === panel.text && !moves) || panel.dirty || panel.parts.contains(document.activeElement)))) return;
    panel.text = text;
    if (panel.note.className === "bad" && isWanted) put(panel.note, "", "");
    panel.parts.replaceChildren(...parts.map((part) => drawPart(panel, part)));
  }
  function addPanel({ name, title }) {
    const section = make("section"), heading = make("h2", title), tools = make("p", "", "tools");
    heading.id = `panel-${name}-title`; heading.tabIndex = -1;
    section.id = `panel-${name}`; section.setAttribute("aria-labelledby", heading.id);
    const panel = { name, title, query: {}, section, heading, text: "", dirty: false, note: make("span"), answer: make("div"), parts: make("div", "", "parts") };
    panel.note.setAttribute("role", "status"); panel.answer.setAttribute("role", "status");
    panel.back = button("Back", () => openPanel(panel, {}), `Back to all of: ${title}`);
    panel.back.hidden = true;
    tools.append(panel.back, panel.note);
    section.append(heading, tools, panel.answer, panel.parts);
    $("packages").append(section);
    panels.set(name, panel);
  }
  async function refreshPanels() {
    const found = (await ask("/admin/host/panels")).panels, names = new Set(found.map((one) => one.name));
    for (const [name, panel] of panels) if (!names.has(name)) { panel.section.remove(); panels.delete(name); }
    for (const one of found) if (!panels.has(one.name)) addPanel(one);
    await Promise.all([...panels.values()].map((panel) => loadPanel(panel)));
  }

  /* Start */
  async function refreshFigures() {
    try {
      showFigures(await ask("/admin/host/figures"));
      $("panels").hidden = false; $("sign-in").hidden = true; $("trouble").hidden = true;
      return true;
    } catch (error) { trouble(error); return !(error instanceof Refused && error.status === 401); }
  }
  async function poll() {
    const own = state.polling = {}, reading = new Set();
    for (let turn = 0; state.polling === own; turn += 1) {
      if (!document.hidden) {
        if (!(await refreshFigures())) return;
        if (turn === 0) follow();
        const others = [["chart", 2], ["extensions", 2], ["panels", 2], ["health", 3], ["settings", 30]];
        const reads = { chart: async () => showChart(await ask("/admin/host/chart")), extensions: refreshExtensions, panels: refreshPanels, health: refreshHealth, settings: showSettings };
        /* The figures do not wait for a slow one, such as a health check of a storage that does not answer. */
        for (const [name, every] of others) if (turn % every === 0 && !reading.has(name)) {
          reading.add(name);
          reads[name]().catch((error) => { if (turn > 0) trouble(error); }).finally(() => reading.delete(name));
        }
      }
      await new Promise((done) => setTimeout(done, 2000));
    }
  }
  function setTheme(name) { document.documentElement.dataset.theme = name; try { localStorage.setItem("hosting-theme", name); } catch { /* storage is off */ } }
  $("theme").addEventListener("click", () => {
    const isDark = document.documentElement.dataset.theme ? document.documentElement.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    setTheme(isDark ? "light" : "dark");
  });
  try { const kept = localStorage.getItem("hosting-theme"); if (["dark", "light"].includes(kept)) document.documentElement.dataset.theme = kept; } catch { /* storage is off */ }
  $("sign-in").addEventListener("submit", (event) => { event.preventDefault(); state.key = $("key").value.trim(); $("key").value = ""; poll(); });
  $("filter").addEventListener("input", filterFunctions);
  $("log-filter").addEventListener("input", () => {
    const wanted = $("log-filter").value.toLowerCase();
    for (const line of $("log").children) line.hidden = !line.textContent.toLowerCase().includes(wanted);
  });
  $("clear").addEventListener("click", () => { state.cleared = keys($("log")); $("log").replaceChildren(); });
  $("hold").addEventListener("click", () => { state.held = !state.held; $("hold").setAttribute("aria-pressed", String(state.held)); put($("hold"), state.held ? "Go on" : "Hold"); if (!state.held) { state.missed = 0; showMissed(); } });
  $("try-form").addEventListener("submit", onTry);
  $("close").addEventListener("click", () => $("try").close());
  $("story-close").addEventListener("click", () => $("story").close());
  requestAnimationFrame(() => setTimeout(poll)); /* what is there already is painted first */
})();
