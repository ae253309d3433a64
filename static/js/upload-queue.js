import { Backoff } from "./backoff.js";
import { csrfToken, refreshCsrfToken } from "./csrf-token.js";
import { isReadable, problemWith } from "./upload-checks.js";
import { uploadKey } from "./upload-key.js";
import { sendFile } from "./upload-request.js";

const AT_ONCE = 3;
const IN_FLIGHT = new Set(["uploading", "complete", "held", "offline"]);
const NOTHING_YET = { progress: 0, code: "", detail: "", card: null, isDuplicate: false };
/** Problems that another attempt may not meet. */
const PASSING = new Set([
  "unavailable",
  "csrf_failed",
  "forbidden",
  "processing_failed",
  "original_missing",
  "conflict",
  "unknown",
]);

/**
 * The files somebody chose, on their way: a few at once, again after a lost connection, in their turn when the server
 * asks to wait.
 *
 * @typedef {{key: string, file: File, fields: object, state: UploadState, progress: number, code: string,
 *            detail: string, estimate: number|null, card: object|null, isDuplicate: boolean}} Upload
 *   `fields`: what is sent along, as chosen; `progress` from 0 to 1; `estimate` of the result, in bytes; `card` once the
 *   server has accepted the file
 * @typedef {"chosen"|"waiting"|"uploading"|"complete"|"held"|"offline"|"processing"|"ready"|"failed"|"cancelled"} UploadState
 *   chosen: waits for its uploader; complete: all bytes sent, no answer yet; held: the server asked to wait, or has no room; offline: it can't be reached
 */
export class UploadQueue {
  #config;
  #options;
  #uploads = new Set();
  #interrupts = new Map();

  /**
   * @param {{config: object, onChange: (upload: Upload) => void, onAccepted: (card: object, epoch: string|null) => void,
   *          lookUp: (card: object) => Promise<void>, epoch: () => string|null}} options
   *   `onAccepted` also gets the `epoch` in which the file was sent; `lookUp` fetches a card that the feed lost sight of; it comes with `found`; that there is none, with `gone`
   */
  constructor({ config, onChange, onAccepted, lookUp, epoch = () => null }) {
    this.#config = config;
    this.#options = { onChange, onAccepted, lookUp, epoch };
  }

  start() {
    addEventListener("online", this.#hasten);
    addEventListener("beforeunload", this.#warn);
  }

  stop() {
    removeEventListener("online", this.#hasten);
    removeEventListener("beforeunload", this.#warn);
    for (const upload of this.#uploads) this.cancel(upload);
  }

  /** The files that wait for `send`. */
  get chosen() {
    return [...this.#uploads].filter(({ state }) => state === "chosen");
  }

  /** Takes in files, to be sent with these `fields`, at once or when told to; those that can't be pictures fail at once. */
  add(files, { fields = {}, isHeld = false } = {}) {
    for (const file of files) {
      const state = isHeld ? "chosen" : "waiting";
      const upload = { ...NOTHING_YET, key: uploadKey(), file, fields, state, estimate: null };
      this.#uploads.add(upload);
      const problem = problemWith(file, this.#config.max_bytes);
      if (problem) this.#fail(upload, problem);
      else this.#options.onChange(upload);
    }
    this.#startNext();
  }

  /** Sends what was held back, with these fields. */
  send(fields) {
    for (const upload of this.chosen) this.#become(upload, { state: "waiting", fields });
    this.#startNext();
  }

  /** Takes in how large the result will be, about; null when that can't be told. */
  estimated(upload, bytes) {
    if (upload.state === "chosen") this.#become(upload, { estimate: bytes });
  }

  /** Whether giving up is still possible: nothing was accepted yet. */
  static canCancel({ state }) {
    return ["waiting", "uploading", "held", "offline"].includes(state);
  }

  /** Whether trying again makes sense. */
  static canRetry({ state, code }) {
    return state === "cancelled" || (state === "failed" && PASSING.has(code));
  }

  cancel(upload) {
    if (!UploadQueue.canCancel(upload)) return;
    this.#become(upload, { state: "cancelled" });
    this.#interrupts.get(upload)?.();
    this.#startNext();
  }

  retry(upload) {
    if (!UploadQueue.canRetry(upload)) return;
    // A key that the server has a picture for would only bring the same answer again.
    const key = upload.card || upload.code === "conflict" ? uploadKey() : upload.key;
    this.#become(upload, { ...NOTHING_YET, key, state: "waiting" });
    this.#startNext();
  }

  dismiss(upload) {
    this.cancel(upload);
    this.#uploads.delete(upload);
  }

  /** Looks in the state of the gallery for what became of the accepted files. */
  settle(state) {
    for (const upload of this.#uploads) {
      if (upload.card && upload.state !== "ready") this.#follow(upload, state);
    }
  }

  /** Takes in the card of an accepted file that the state of the gallery doesn't hold. */
  found(card) {
    const gallery = { cards: new Map([[card.id, card]]), removed: new Map() };
    for (const upload of this.#uploads) if (upload.card?.id === card.id) this.#follow(upload, gallery);
  }

  /** Takes in that the gallery has no picture with this id any more. */
  gone(id) {
    const gallery = { cards: new Map(), removed: new Map([[id, Infinity]]) };
    for (const upload of this.#uploads) {
      if (upload.card?.id === id && upload.state !== "ready") this.#follow(upload, gallery);
    }
  }

  #startNext() {
    const uploads = [...this.#uploads];
    const free = AT_ONCE - uploads.filter(({ state }) => IN_FLIGHT.has(state)).length;
    const next = uploads.filter(({ state }) => state === "waiting").slice(0, Math.max(0, free));
    for (const upload of next) this.#deliver(upload);
  }

  async #deliver(upload) {
    const backoff = new Backoff();
    let isTokenFresh = false;
    while (upload.state !== "cancelled") {
      const epoch = this.#options.epoch();
      const answer = await this.#attempt(upload);
      if (upload.state === "cancelled") break;
      if (answer.kind === "accepted") {
        this.#accept(upload, answer, epoch);
      } else if (answer.kind === "later") {
        await this.#pause(upload, { state: "held", code: answer.code }, answer.seconds * 1000);
        continue;
      } else if (answer.kind === "unreachable" && (await isReadable(upload.file))) {
        await this.#pause(upload, { state: "offline" }, backoff.next());
        continue;
      } else if (answer.code === "csrf_failed" && !isTokenFresh && (await refreshCsrfToken())) {
        isTokenFresh = true;
        continue;
      } else {
        this.#fail(upload, answer.code ?? "unreadable_file", answer.detail);
      }
      break;
    }
    this.#startNext();
  }

  async #attempt(upload) {
    this.#become(upload, { state: "uploading", code: "", progress: 0 });
    const { answer, cancel } = sendFile({
      url: this.#config.upload_url,
      token: csrfToken(),
      fields: { gallery: this.#config.gallery, key: upload.key, ...upload.fields },
      file: upload.file,
      onProgress: (progress) => this.#become(upload, { progress }),
      onSent: () => this.#become(upload, { state: "complete", progress: 1 }),
    });
    this.#interrupts.set(upload, cancel);
    const result = await answer;
    this.#interrupts.delete(upload);
    return result;
  }

  async #pause(upload, change, milliseconds) {
    if (upload.state === "cancelled") return;
    this.#become(upload, { ...change, progress: 0 });
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.#interrupts.set(upload, () => {
        clearTimeout(timer);
        resolve();
      });
    });
    this.#interrupts.delete(upload);
  }

  #accept(upload, { card, isDuplicate }, epoch) {
    const state = card.status === "ready" ? "ready" : "processing";
    this.#become(upload, { state, progress: 1, card, isDuplicate });
    this.#options.onAccepted(card, epoch);
  }

  #follow(upload, { cards, removed }) {
    const card = cards.get(upload.card.id);
    const hasFailed = upload.state === "failed"; // then staff may have put it back into the queue
    if (card?.status === "ready") this.#become(upload, { state: "ready", card });
    else if (card?.status === "failed" && !hasFailed) this.#fail(upload, card.error ?? "processing_failed", "", card);
    else if (card?.status === "queued" && hasFailed) this.#become(upload, { state: "processing", card });
    else if (removed.has(upload.card.id) && !hasFailed) this.#fail(upload, "removed");
    else if (!card && !hasFailed) this.#options.lookUp(upload.card);
  }

  #fail(upload, code, detail = "", card = upload.card) {
    this.#become(upload, { state: "failed", code, detail, card });
  }

  #become(upload, change) {
    if (upload.state === "cancelled" && change.state !== "waiting") return;
    Object.assign(upload, change);
    this.#options.onChange(upload);
  }

  #hasten = () => {
    for (const upload of this.#uploads) if (upload.state === "offline") this.#interrupts.get(upload)?.();
  };

  #warn = (event) => {
    const isUnsent = ({ state }) => state === "chosen" || state === "waiting" || IN_FLIGHT.has(state);
    if ([...this.#uploads].some(isUnsent)) event.preventDefault();
  };
}
