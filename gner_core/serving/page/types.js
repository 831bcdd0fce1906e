// The entity types as chips, each with a button that removes it.

import { colour, made } from "./show.js";

/** The list of types in an element; `changed` is called after every change. */
export class Types {
  constructor(element, changed) {
    this.element = element;
    this.changed = changed;
    this.names = [];
  }

  /** Replace all types. */
  set(names) {
    this.names = [];
    this.add(names);
  }

  /** Add types; those that differ only in case and blanks from one that is there are left out. */
  add(names) {
    const known = new Set(this.names.map((name) => name.toLowerCase()));
    for (const given of names) {
      const name = given.trim().split(/\s+/u).join(" ");
      if (name && !known.has(name.toLowerCase())) this.names.push(name);
      known.add(name.toLowerCase());
    }
    this.show();
  }

  /** Remove a type. */
  remove(name) {
    this.names = this.names.filter((one) => one !== name);
    this.show();
  }

  show() {
    const chips = this.names.map((name, number) => {
      const remove = made("button", "", "×");
      remove.type = "button";
      remove.setAttribute("aria-label", `Remove ${name}`);
      remove.addEventListener("click", () => {
        this.remove(name);
        const left = this.element.querySelectorAll("button");
        (left[Math.min(number, left.length - 1)] ?? document.getElementById("type")).focus();
      });
      return colour(made("li", "", made("bdi", "", name), remove), number);
    });
    this.element.replaceChildren(...chips);
    this.changed();
  }
}

/** Return the types of a text with commas; quotes keep a comma. */
export function listed(text) {
  return [...text.matchAll(/"([^"]*)"|[^,"]+/gu)].map((found) => found[1] ?? found[0]);
}
