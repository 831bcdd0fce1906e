// Shows entities in their text and as a list. Whatever comes from a text or a model is put in as text,
// never as HTML.

import { unitsOf } from "./offsets.js";

const GOLDEN_ANGLE = 137.508; // degrees between the hues of two types: any number of them stay distinct
const UNSURE = 0.5;

/** Give an element the hue of the type with this number. */
export function colour(element, number) {
  element.style.setProperty("--hue", String((number * GOLDEN_ANGLE) % 360));
  return element;
}

/** Return a new element with a class and content. */
export function made(tag, name, ...content) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  element.append(...content);
  return element;
}

export const percent = (share) => `${(100 * share).toFixed(share > 0.995 && share < 1 ? 1 : 0)}\u00a0%`;

/** Put a text with its entities, which are in its order, into an element. */
export function showText(element, text, entities, types) {
  const unit = unitsOf(text);
  const pieces = [];
  let at = 0;
  for (const entity of entities) {
    const [start, end] = [unit(entity.start), unit(entity.end)];
    const sure = entity.confidence;
    const name = made("bdi", "name", sure === null ? entity.label : `${entity.label}\u00a0${percent(sure)}`);
    const mark = colour(made("mark", "", text.slice(start, end), name), types.indexOf(entity.label));
    if (sure !== null && sure < UNSURE) mark.className = "unsure";
    mark.id = markOf(entity);
    mark.tabIndex = -1;
    pieces.push(text.slice(at, start), mark);
    at = end;
  }
  element.replaceChildren(...pieces, text.slice(at));
}

/** Put entities into the body of a table, in an order. */
export function showRows(body, entities, types, order) {
  const by = {
    position: (a, b) => a.start - b.start,
    confidence: (a, b) => (b.confidence ?? 0) - (a.confidence ?? 0),
    type: (a, b) => types.indexOf(a.label) - types.indexOf(b.label),
  };
  const rows = [...entities].sort(by[order]).map((entity) => {
    const jump = made("button", "", made("bdi", "", entity.text));
    jump.type = "button";
    jump.addEventListener("click", () => document.getElementById(markOf(entity)).focus());
    const name = colour(made("bdi", "name", entity.label), types.indexOf(entity.label));
    const sure = entity.confidence === null ? "" : percent(entity.confidence);
    return made(
      "tr", "", made("td", "", jump), made("td", "", name), made("td", "number rated", sure),
      made("td", "number place", `${entity.start}–${entity.end}`),
    );
  });
  body.replaceChildren(...rows);
}

const markOf = (entity) => `entity-${entity.start}`;
