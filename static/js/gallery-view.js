import { CardView } from "./card-view.js";
import { newPictures } from "./format.js";
import { isReady, ordered } from "./gallery-state.js";

const RENEWAL_CHECK_MS = 10_000;

/**
 * The grid of pictures, newest first. It draws at most once a frame, touches only the cards that changed, and holds
 * new ones back while somebody looks further down.
 */
export class GalleryView {
  #options;
  #list;
  #pill;
  #empty;
  #views = new Map();
  #owners;
  #state = null;
  #revealed = 0;
  #drawing = null;
  #renewal = null;

  /**
   * @param {{section: HTMLElement, template: HTMLTemplateElement, config: object, now: () => number,
   *          renew: (ids: string[]) => void, reload: () => void, onOpen: (id: string) => void,
   *          onEmpty: (isEmpty: boolean) => void, onDraw: () => void}} options
   *   `reload` loads the gallery afresh, when it left new pictures out because there were too many to wait; `onDraw` is
   *   called whenever the cards have been drawn
   */
  constructor(options) {
    this.#options = options;
    this.#list = options.section.querySelector("#cards");
    this.#pill = options.section.querySelector("#pill");
    this.#empty = options.section.querySelector("#pictures-empty");
    this.#owners = new Set([options.config.owner]);
  }

  start() {
    this.#pill.addEventListener("click", this.#goToNew);
    this.#list.addEventListener("keydown", this.#move);
    addEventListener("scroll", this.#onScroll, { passive: true });
    this.#renewal = setInterval(() => this.#renewUrls(), RENEWAL_CHECK_MS);
  }

  stop() {
    this.#pill.removeEventListener("click", this.#goToNew);
    this.#list.removeEventListener("keydown", this.#move);
    removeEventListener("scroll", this.#onScroll);
    clearInterval(this.#renewal);
    cancelAnimationFrame(this.#drawing);
  }

  /** The position of the newest picture shown to somebody who looks further down; null at the top. */
  get readingFrom() {
    return this.#isScrolledDown() ? this.#revealed : null;
  }

  /** Draws this state, soon. */
  show(state) {
    this.#state = state;
    this.#drawing ??= requestAnimationFrame(() => this.#draw());
  }

  /** From now on shows this uploader's failures too: it is the one who looks. */
  trust(owner) {
    this.#owners.add(owner);
  }

  /** Whether this card is shown to the one who looks. */
  maySee({ status, owner }) {
    return status !== "failed" || this.#options.config.staff || this.#owners.has(owner);
  }

  /** The ready card that is `step` places further down from the card with this id, or null. */
  neighbour(id, step) {
    const cards = this.#readyCards();
    const index = cards.findIndex((card) => card.id === id);
    return index < 0 ? null : (cards[index + step] ?? null);
  }

  /** Puts the focus on this card; once it has gone, on the next one further down, else further up, else on the gallery. */
  focus({ position }, options) {
    const cards = this.#readyCards();
    const near = cards.find((card) => card.position <= position) ?? cards.at(-1);
    (near ? this.#views.get(near.id) : this.#options.section).focus(options);
  }

  #readyCards() {
    const cards = [...this.#views.values()].map(({ card }) => card);
    return cards.filter(isReady).sort((a, b) => b.position - a.position);
  }

  #draw() {
    this.#drawing = null;
    const focused = this.#views.get(idAround(document.activeElement))?.card;
    const visible = ordered(this.#state).filter((card) => this.maySee(card));
    const isFirst = this.#list.querySelector(".card--skeleton") !== null;
    const isLoaded = this.#state.next !== undefined;
    if (isFirst && !isLoaded && visible.length === 0) return;
    if (isFirst) this.#list.replaceChildren();
    const newest = visible[0]?.position ?? 0;
    if (isFirst || !this.#isScrolledDown()) this.#revealed = newest;
    const isShown = ({ id, position }) => position <= this.#revealed || this.#views.has(id);
    if (!visible.some(isShown)) this.#revealed = newest; // after a snapshot without any card of before
    const shown = visible.filter(isShown);
    this.#revealed = Math.min(this.#revealed, newest);
    this.#tellHeldBack(visible.length - shown.length);
    this.#removeAllBut(new Set(shown.map(({ id }) => id)));
    this.#place(shown);
    if (focused && this.#views.get(focused.id)?.card.status !== "ready") this.focus(focused, { preventScroll: true });
    this.#empty.hidden = visible.length > 0;
    this.#list.classList.toggle("cards--few", shown.length < 3);
    this.#options.section.setAttribute("aria-busy", "false");
    this.#options.onEmpty(visible.length === 0);
    this.#options.onDraw();
    if (this.#state.held && !this.#isScrolledDown()) this.#options.reload();
  }

  #isScrolledDown() {
    return this.#list.getBoundingClientRect().top < 0;
  }

  #tellHeldBack(waiting) {
    const { held } = this.#state;
    const number = held?.number ?? waiting;
    this.#pill.hidden = number === 0;
    if (number > 0) this.#pill.textContent = newPictures(number, { orMore: held !== null });
  }

  #removeAllBut(ids) {
    for (const [id, view] of this.#views) {
      if (ids.has(id)) continue;
      this.#views.delete(id);
      view.leave();
    }
  }

  #place(cards) {
    let next = this.#list.firstElementChild;
    for (const card of cards) {
      const view = this.#views.get(card.id) ?? this.#add(card);
      view.patch(card);
      while (next?.classList.contains("is-leaving")) next = next.nextElementSibling;
      if (view.element === next) next = next.nextElementSibling;
      else this.#list.insertBefore(view.element, next);
    }
  }

  #add(card) {
    const { template, config, now, onOpen, renew } = this.#options;
    const view = new CardView(card, { template, config, now, onOpen, renew });
    this.#views.set(card.id, view);
    return view;
  }

  #renewUrls() {
    const ids = [...this.#views.values()].filter((view) => view.needsUrl).map(({ card }) => card.id);
    if (ids.length) this.#options.renew(ids);
  }

  #goToNew = () => {
    this.#revealed = Infinity;
    this.#draw();
    this.#options.section.scrollIntoView({ block: "start" });
    this.#options.section.focus({ preventScroll: true });
    this.show(this.#state);
  };

  #onScroll = () => {
    if (!this.#pill.hidden && !this.#isScrolledDown()) this.show(this.#state);
  };

  #move = (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const id = idAround(event.target);
    if (!step || !id) return;
    const neighbour = this.neighbour(id, step);
    if (neighbour) this.focus(neighbour);
  };
}

/** The id of the card that this element belongs to, if any. */
function idAround(element) {
  return element?.closest("[data-image-id]")?.dataset.imageId;
}
