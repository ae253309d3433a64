import { count } from "./format.js";
import { UploadRow } from "./upload-row.js";

const OPEN_BY_THEMSELVES = 3;
const OPEN_IN_LONG_LIST = 1;
const MANY_ROWS = 8;
const READY_ROWS_KEPT = 100;
const FINISHED = new Set(["ready", "failed", "cancelled"]);

/**
 * "Your uploads": a row for each file. A long list shows only what is moving, until asked for all of it. Of the files that
 * went well only the last hundred keep their row, so that somebody can upload for hours; they stay counted.
 */
export class UploadView {
  #section;
  #options;
  #rows = new Map();
  #letGo = 0;
  #showsAll = false;
  #parts;

  /**
   * @param {{section: HTMLElement, rowTemplate: HTMLTemplateElement, comparisonTemplate: HTMLTemplateElement,
   *          config: object, onCancel: Function, onRetry: Function, onDismiss: Function,
   *          onMissing: Function, fallback: HTMLElement}} options
   *   the callbacks get the upload; `fallback` takes the focus when the last row goes
   */
  constructor(options) {
    this.#options = options;
    this.#section = options.section;
    this.#parts = {
      list: this.#section.querySelector("#uploads-list"),
      count: this.#section.querySelector("#uploads-count"),
      all: this.#section.querySelector("#uploads-all"),
      clear: this.#section.querySelector("#uploads-clear"),
    };
  }

  start() {
    this.#parts.all.addEventListener("click", this.#toggleAll);
    this.#parts.clear.addEventListener("click", this.#clear);
  }

  stop() {
    this.#parts.all.removeEventListener("click", this.#toggleAll);
    this.#parts.clear.removeEventListener("click", this.#clear);
  }

  /** Shows an upload as it is now. */
  patch(upload) {
    const known = this.#rows.get(upload);
    const row = known ?? this.#add(upload);
    const wasReady = row.element.dataset.state === "ready";
    if (known) row.patch();
    if (upload.state === "ready" && !wasReady) {
      if (this.#hasRoomForOneMore()) row.toggle();
      this.#letGoOfOldest();
    }
    this.#summarise();
  }

  #add(upload) {
    const { rowTemplate, comparisonTemplate, config, onCancel, onRetry, onMissing } = this.#options;
    const row = new UploadRow(upload, {
      rowTemplate,
      comparisonTemplate,
      config,
      onCancel: () => onCancel(upload),
      onRetry: () => onRetry(upload),
      onDismiss: () => this.#dismiss(upload),
      onMissing: () => onMissing(upload),
    });
    this.#rows.set(upload, row);
    this.#parts.list.append(row.element);
    return row;
  }

  #dismiss(upload) {
    const rows = [...this.#parts.list.children];
    const place = rows.indexOf(this.#rows.get(upload).element);
    const near = [...rows.slice(place + 1), ...rows.slice(0, place).reverse()];
    this.#forget(upload);
    this.#summarise();
    const buttons = near.flatMap((row) => [...row.querySelectorAll("button")]);
    (buttons.find(({ offsetParent }) => offsetParent !== null) ?? this.#options.fallback).focus();
  }

  #forget(upload) {
    this.#rows.get(upload).remove();
    this.#rows.delete(upload);
    this.#options.onDismiss(upload);
  }

  #letGoOfOldest() {
    const ready = [...this.#rows.keys()].filter(({ state }) => state === "ready");
    for (const upload of ready.slice(0, Math.max(0, ready.length - READY_ROWS_KEPT))) {
      this.#forget(upload);
      this.#letGo += 1;
    }
  }

  #summarise() {
    const uploads = [...this.#rows.keys()];
    const finished = uploads.filter(({ state }) => FINISHED.has(state)).length;
    const numbers = { done: count(finished + this.#letGo), all: count(uploads.length + this.#letGo) };
    this.#section.hidden = uploads.length === 0;
    this.#parts.count.textContent =
      uploads.length > 1 ? interpolate(gettext("%(done)s of %(all)s done"), numbers, true) : "";
    this.#parts.clear.hidden = finished < 2;
    this.#parts.all.hidden = !this.#isLong();
    this.#parts.all.setAttribute("aria-expanded", String(this.#showsAll));
    this.#parts.all.textContent = this.#showsAll ? gettext("Show fewer") : gettext("Show all");
    this.#parts.list.classList.toggle("is-short", this.#isLong() && !this.#showsAll);
  }

  #hasRoomForOneMore() {
    const open = [...this.#rows.values()].filter(({ isOpen }) => isOpen).length;
    return open < (this.#isLong() ? OPEN_IN_LONG_LIST : OPEN_BY_THEMSELVES);
  }

  #isLong() {
    return this.#rows.size > MANY_ROWS;
  }

  #toggleAll = () => {
    this.#showsAll = !this.#showsAll;
    for (const { element } of this.#rows.values()) element.classList.remove("is-used");
    this.#summarise();
  };

  #clear = () => {
    for (const upload of this.#rows.keys()) if (FINISHED.has(upload.state)) this.#forget(upload);
    this.#letGo = 0;
    this.#summarise();
    this.#options.fallback.focus();
  };
}
