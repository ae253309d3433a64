import { isReady, ordered } from "./gallery-state.js";

const STAGE_MS = 6_000;
const SETTLE_MS = 1_000;
const TURN_MS = 45_000;
const TURN_PATIENCE_MS = 10_000;
const TURNED_AT_ONCE = 7;
const PICTURES_AT_HAND = 20;

/**
 * Decides what is on the wall: the newest picture takes the stage for six seconds at least, then joins the mosaic.
 * When many arrive at once, only the newest of them takes the stage next; the others join the mosaic straight away,
 * so that the wall never lags behind the gallery; what hangs stays until they are decoded. While nothing arrives, older pictures take their turn in the mosaic
 * beside the newest: no screen shows the same image for days.
 */
export class WallDirector {
  #view;
  #pictures;
  #ready = null;
  #epoch;
  #newestPosition = -Infinity;
  #staged = null;
  #stagedAt = 0;
  #waiting = null;
  #turn = 0;
  #comingTurn = null;
  #tilesShown = 0;
  #hanging = [];
  #stageTimer = null;
  #settleTimer = null;
  #turnTimer = null;

  constructor({ view, pictures }) {
    this.#view = view;
    this.#pictures = pictures;
  }

  /** Takes in a new state of the gallery. */
  update(state) {
    const isFirst = this.#ready === null;
    this.#ready = ordered(state).filter(isReady);
    const newest = this.#ready[0];
    const isSameGallery = state.epoch === this.#epoch;
    // After a restore the positions start lower.
    if (!isSameGallery) this.#newestPosition = -Infinity;
    this.#epoch = state.epoch;
    if (newest && newest.position > this.#newestPosition) {
      this.#newestPosition = newest.position;
      this.#turn = 0;
      this.#comingTurn = null;
      if (isSameGallery) this.#waiting = newest.id;
      this.#turnLater();
    }
    const known = new Map(this.#ready.map((card) => [card.id, card]));
    const oldest = this.#ready.at(-1)?.position ?? -Infinity;
    const isGone = ({ id, position }) => !known.has(id) && (position >= oldest || state.removed.has(id));
    this.#hanging = this.#hanging.filter((card) => !isGone(card)).map((card) => known.get(card.id) ?? card);
    if (!known.has(this.#waiting)) this.#waiting = null;
    if (!known.has(this.#staged)) this.#staged = null;
    this.#want();
    if (isFirst && this.#pictures.busy) this.#settle();
    else this.#advance();
  }

  /** A picture is decoded. Those that load together are placed together, so that the wall moves once. */
  pictureLoaded(id) {
    const isCalm = !this.#pictures.busy && !this.#staged;
    if (this.#comingTurn !== null) this.#finishTurn({ whenComplete: true });
    else if (id === this.#waiting || isCalm) this.#advance();
    else this.#settle();
  }

  resize() {
    if (this.#ready) this.#advance();
  }

  /** The cards of a turn: the newest first, then a stretch of the others that moves on with each turn. */
  #atHand(turn) {
    const [newest, ...others] = this.#ready;
    const start = others.length ? (turn * TURNED_AT_ONCE) % others.length : 0;
    const cards = newest ? [newest, ...others.slice(start), ...others.slice(0, start)] : [];
    return cards.slice(0, PICTURES_AT_HAND);
  }

  #turnLater() {
    clearTimeout(this.#turnTimer);
    this.#turnTimer = setTimeout(() => this.#startTurn(), TURN_MS);
  }

  /** Loads the pictures of the next turn first; those on the wall stay until all are decoded, or for a while. */
  #startTurn() {
    this.#turnLater();
    // A picture that could not be loaded all this time hangs without having been on stage, once it can be.
    if (!this.#pictures.get(this.#waiting)) this.#waiting = null;
    if (this.#staged || this.#waiting || this.#ready.length <= this.#tilesShown) return;
    this.#comingTurn = this.#turn + 1;
    this.#want();
    this.#finishTurn({ whenComplete: true });
    setTimeout(() => this.#finishTurn({ whenComplete: false }), TURN_PATIENCE_MS);
  }

  #finishTurn({ whenComplete }) {
    if (this.#comingTurn === null) return;
    const isComplete = this.#atHand(this.#comingTurn).every((card) => this.#pictures.get(card.id));
    if (whenComplete && !isComplete) return;
    this.#turn = this.#comingTurn;
    this.#comingTurn = null;
    this.#want();
    this.#advance();
  }

  #want() {
    const coming = this.#comingTurn === null ? [] : this.#atHand(this.#comingTurn);
    const staged = this.#ready.filter(({ id }) => id === this.#staged); // twenty newer ones may have come since
    this.#pictures.want([...new Set([...staged, ...this.#atHand(this.#turn), ...coming, ...this.#hangingBeside(coming)])]);
  }

  /** What hangs besides these cards and those at hand, be it so old that the gallery here has let go of it. */
  #hangingBeside(cards) {
    const ids = new Set([...cards, ...this.#atHand(this.#turn)].map(({ id }) => id));
    return this.#hanging.filter(({ id }) => !ids.has(id));
  }

  /** The pictures that may hang now: those at hand and, until half of them are decoded, what hangs already. */
  #hangable() {
    const atHand = this.#atHand(this.#turn);
    const isEnough = atHand.filter(({ id }) => this.#pictures.get(id)).length >= atHand.length / 2;
    return isEnough ? atHand : [...atHand, ...this.#hangingBeside([])];
  }

  #settle() {
    this.#settleTimer ??= setTimeout(() => this.#advance(), SETTLE_MS);
  }

  #advance() {
    clearTimeout(this.#settleTimer);
    this.#settleTimer = null;
    this.#changeStage();
    const hidden = new Set([this.#staged, this.#waiting]);
    const decoded = this.#hangable().filter((card) => !hidden.has(card.id)).flatMap((card) => this.#item(card));
    const items = decoded.slice(0, PICTURES_AT_HAND);
    const staged = this.#ready.filter((card) => card.id === this.#staged).flatMap((card) => this.#item(card));
    const sizes = this.#view.render({ items, staged: staged[0] ?? null, isEmpty: this.#ready.length === 0 });
    this.#tilesShown = sizes.length;
    this.#hanging = items.map(({ card }) => card); // some have no place at this moment
    for (const { id, longest } of sizes) this.#pictures.fit(id, longest);
  }

  #changeStage() {
    if (this.#staged && this.#stageLeft() > 0) {
      this.#advanceIn(this.#stageLeft());
      return;
    }
    this.#staged = null;
    if (!this.#waiting || !this.#pictures.get(this.#waiting)) return;
    this.#staged = this.#waiting;
    this.#waiting = null;
    this.#stagedAt = performance.now();
    this.#advanceIn(STAGE_MS);
  }

  #stageLeft() {
    return this.#stagedAt + STAGE_MS - performance.now();
  }

  /** Timers may fire a little early by the other clock; whoever comes too early asks again. */
  #advanceIn(milliseconds) {
    clearTimeout(this.#stageTimer);
    this.#stageTimer = setTimeout(() => this.#advance(), milliseconds);
  }

  #item(card) {
    const canvas = this.#pictures.get(card.id);
    return canvas ? [{ card, canvas }] : [];
  }
}
