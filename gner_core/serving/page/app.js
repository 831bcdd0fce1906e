// The page: asks the API, and shows what it answers.

import { made, percent, showRows, showText } from "./show.js";
import { Types, listed } from "./types.js";

const at = (id) => document.getElementById(id);
let facts = { types: [], rated: true };
let answer = null; // { text, types, entities, seconds } of the last request
let running = null; // its AbortController, while one runs

const types = new Types(at("chips"), () => {
  const same = JSON.stringify(types.names) === JSON.stringify(facts.types);
  at("own").hidden = !facts.types.length || same;
});

/** Ask the API; throws an Error with a line for people. */
async function ask(path, options = {}) {
  const token = at("token").value;
  const headers = { ...options.headers, ...(token && { authorization: `Bearer ${token}` }) };
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer. Is it still running?");
  }
  if (response.status === 401) {
    at("token-field").hidden = false;
    at("token").focus();
    throw new Error("This server needs its token.");
  }
  const body = await response.json();
  if (!response.ok) throw new Error(body.detail);
  return body;
}

async function learnFacts() {
  facts = await ask("v1/model");
  at("model").textContent = `${facts.name}, up to ${facts.characters.toLocaleString("en")} characters at a time`;
  at("results").classList.toggle("unrated", !facts.rated);
  at("threshold-field").hidden = !facts.rated;
  at("order").querySelector("[value=confidence]").hidden = !facts.rated;
}

function say(status, fault = "") {
  at("status").textContent = status;
  at("fault").textContent = fault;
}

function addTyped() {
  types.add(listed(at("type").value));
  at("type").value = "";
}

async function find() {
  addTyped();
  const text = at("text").value;
  if (!text.trim()) return refuse("Give a text.", at("text"));
  if (!types.names.length) return refuse("Name at least one type to look for.", at("type"));
  running?.abort();
  const mine = (running = new AbortController());
  const names = [...types.names];
  const began = performance.now();
  const clock = setInterval(() => {
    at("clock").textContent = `${Math.round((performance.now() - began) / 1000)} s`;
  }, 1000);
  at("find").disabled = true;
  at("stop").hidden = false;
  say("Working…");
  try {
    const found = await ask("v1/predict", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ texts: [text], types: names }),
      signal: mine.signal,
    });
    if (running !== mine) return;
    const [{ entities }] = found.predictions;
    answer = { text, types: names, entities, seconds: (performance.now() - began) / 1000 };
    say("");
    show();
  } catch (error) {
    if (running === mine) say(...(error.name === "AbortError" ? ["Stopped."] : ["", error.message]));
  } finally {
    clearInterval(clock);
    if (running === mine) idle();
  }
}

function idle() {
  running = null;
  at("clock").textContent = "";
  at("find").disabled = false;
  at("stop").hidden = true;
}

function refuse(fault, field) {
  say("", fault);
  field.focus();
}

const least = () => (facts.rated ? Number(at("threshold").value) / 100 : 0);
const kept = () => answer.entities.filter((one) => (one.confidence ?? 1) >= least());

function show() {
  at("least").textContent = percent(least());
  if (!answer) return;
  const entities = kept();
  const left = answer.entities.length - entities.length;
  const count = `${entities.length} ${entities.length === 1 ? "entity" : "entities"}`;
  const rest = left ? `, ${left} below ${percent(least())} left out` : "";
  at("summary").textContent = `${count}${rest}, in ${answer.seconds.toFixed(answer.seconds < 1 ? 2 : 1)} s`;
  showText(at("shown"), answer.text, entities, answer.types);
  showRows(at("rows"), entities, answer.types, at("order").value);
  at("list").hidden = !entities.length;
  at("results").hidden = false;
}

/** Return the address that opens this page with the last request; its text stays in the browser. */
function link() {
  const values = new URLSearchParams({ text: answer.text });
  for (const name of answer.types) values.append("type", name);
  values.set("least", at("threshold").value);
  values.set("order", at("order").value);
  return `${location.origin}${location.pathname}#${values}`;
}

/** Fill in and send the request of the address. */
function followLink() {
  const values = new URLSearchParams(location.hash.slice(1));
  if (!values.has("text")) return;
  at("text").value = values.get("text");
  types.set(values.getAll("type"));
  at("threshold").value = values.get("least") ?? "0";
  const order = values.get("order");
  if ([...at("order").options].some((one) => one.value === order)) at("order").value = order;
  find();
}

async function copy(text, what) {
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    const [field, before] = [made("textarea", "", text), document.activeElement];
    document.body.append(field); // a page over plain HTTP has no clipboard of its own
    field.select();
    document.execCommand("copy");
    field.remove();
    before.focus();
  }
  say(`Copied ${what}.`);
}

at("form").addEventListener("submit", (event) => {
  event.preventDefault();
  find();
});
at("text").addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) find();
});
at("type").addEventListener("keydown", (event) => {
  if (event.isComposing) return; // Enter then ends a word of an input method
  if (event.key === "Enter") {
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) find();
    else addTyped();
  } else if (event.key === "Backspace" && !at("type").value && types.names.length) {
    types.remove(types.names.at(-1));
  }
});
at("add").addEventListener("click", () => {
  addTyped();
  at("type").focus();
});
at("own").addEventListener("click", () => {
  types.set(facts.types);
  at("type").focus();
});
at("stop").addEventListener("click", () => running?.abort());
at("threshold").addEventListener("input", show);
at("order").addEventListener("change", show);
at("copy-json").addEventListener("click", () => copy(JSON.stringify({ text: answer.text, entities: kept() }), "the JSON"));
at("copy-link").addEventListener("click", () => copy(link(), "the link"));
at("token").addEventListener("change", start);
window.addEventListener("hashchange", followLink);

async function start() {
  try {
    await learnFacts();
  } catch (error) {
    say("", error.message);
    return;
  }
  say("");
  if (!types.names.length) types.set(facts.types);
  followLink();
}

start();
