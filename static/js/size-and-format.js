import { defaultOptions, fieldsOf, remember, remembered, summary } from "./upload-options.js";

/** The disclosure in which somebody chooses what becomes of the pictures. Closed, it names the choice. */
export class SizeAndFormat {
  #details;
  #onChange;
  #defaults;
  #parts;
  #options;

  /** @param {{details: HTMLDetailsElement, config: object, onChange: () => void}} options */
  constructor({ details, config, onChange }) {
    this.#details = details;
    this.#onChange = onChange;
    this.#defaults = defaultOptions(config);
    this.#parts = collect(details);
    this.#options = remembered(this.#defaults);
  }

  get isOpen() {
    return this.#details.open;
  }

  /** What is chosen now: width, format and quality. */
  get options() {
    return this.#options;
  }

  /** What an upload sends along. */
  get fields() {
    return fieldsOf(this.#options, this.#defaults);
  }

  start() {
    this.#details.addEventListener("input", this.#read);
    this.#details.addEventListener("change", this.#tidy);
    const { presets, formats, ownPreset } = this.#parts;
    const preset = presets.find(({ value }) => value === String(this.#options.width)) ?? ownPreset;
    preset.checked = true;
    formats.find(({ value }) => value === (this.#options.format ?? "")).checked = true;
    this.#show();
  }

  stop() {
    this.#details.removeEventListener("input", this.#read);
    this.#details.removeEventListener("change", this.#tidy);
  }

  #read = ({ target }) => {
    const { own, ownPreset, range, number, formats } = this.#parts;
    if (target === own) {
      ownPreset.checked = true;
      this.#choose("width", numberIn(own));
    } else if (target === range || target === number) this.#choose("quality", numberIn(target));
    else if (formats.includes(target)) this.#choose("format", target.value || null);
    else if (target !== ownPreset) this.#choose("width", Number(target.value));
    this.#show(target);
  };

  /** An impossible number that was typed gives way to the last possible one. */
  #tidy = () => this.#show();

  #choose(name, value) {
    if (value === undefined) return;
    this.#options = { ...this.#options, [name]: value };
    remember(this.#options, this.#defaults);
    this.#onChange();
  }

  /** Shows what is chosen, except in the control where somebody is typing. */
  #show(typing = null) {
    const { own, range, number, now } = this.#parts;
    const { width, quality } = this.#options;
    for (const [control, value] of [[own, width], [range, quality], [number, quality]]) {
      if (control !== typing) control.value = value;
    }
    now.textContent = summary(this.#options, this.#defaults);
  }
}

/** The number in this field; undefined while it is not a possible one. */
function numberIn({ value, valueAsNumber, validity }) {
  return value !== "" && validity.valid ? valueAsNumber : undefined;
}

function collect(details) {
  const find = (name) => details.querySelector(`.${name}`);
  const presets = [...details.querySelectorAll("[name=preset]")];
  return {
    now: find("choice-now"),
    presets,
    ownPreset: presets.at(-1),
    formats: [...details.querySelectorAll("[name=format]")],
    own: find("choice-own"),
    range: find("choice-range"),
    number: find("choice-number"),
  };
}
