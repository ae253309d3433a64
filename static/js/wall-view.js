import { saving } from "./format.js";
import { shownSize } from "./picture-sources.js";
import { fitted, mosaic, stageArea } from "./wall-layout.js";
import { appear, disappear, glide } from "./wall-motion.js";

const QR_SHARE = 0.18;
const QR_LEAST = 96;
const TEXT_SHARE = 0.026;
const TEXT_LEAST = 16;
const GAP_SHARE = 0.004;
const GAP_LEAST = 2;
const IN_MOSAIC = { enlargement: 8 };
const ON_STAGE = { enlargement: 3, crop: 0.04 };

/** The wall on the screen: tiles of the mosaic, one picture on stage, the invitation, the state of the connection. */
export class WallView {
  #root;
  #mosaic;
  #stage;
  #invite;
  #connection;
  #tiles = new Map();
  #layout = { key: "", tiles: [], invite: null };

  /** @param {HTMLElement} root */
  constructor(root) {
    this.#root = root;
    this.#mosaic = root.querySelector("[data-part=mosaic]");
    this.#stage = root.querySelector("[data-part=stage]");
    this.#invite = root.querySelector("[data-part=invite]");
    this.#connection = root.querySelector("[data-part=connection]");
  }

  /**
   * Shows these pictures and nothing else. An item is a card with its decoded canvas.
   * @returns {{id: string, longest: number}[]} how large each is shown: its longer side in device pixels
   */
  render({ items, staged, isEmpty }) {
    this.#root.dataset.state = isEmpty ? "empty" : items.length || staged ? "pictures" : "loading";
    const screen = { width: innerWidth, height: innerHeight };
    const layout = this.#arrange(screen, items);
    const before = this.#places();
    const sizes = items.slice(0, layout.tiles.length).map((item, index) => this.#placeTile(item, layout.tiles[index]));
    const shown = new Set(items.slice(0, layout.tiles.length).map(({ card }) => card.id));
    for (const [id, tile] of this.#tiles) if (!shown.has(id)) this.#removeTile(id, tile);
    this.#placeInvite(isEmpty ? null : layout.invite);
    if (staged) sizes.push(this.#placeStaged(staged, screen, layout.invite));
    else this.#stage.hidden = true;
    this.#move(before, staged);
    return sizes;
  }

  /** The connection is only shown while it is not live. */
  showConnection(word, text) {
    this.#connection.hidden = word === "live";
    this.#connection.dataset.state = word;
    this.#connection.textContent = text;
  }

  #arrange(screen, items) {
    const aspects = items.map(({ card }) => aspectOf(card));
    const key = JSON.stringify([screen, aspects]);
    if (key !== this.#layout.key) {
      const side = Math.min(screen.width, screen.height);
      const gap = Math.max(GAP_LEAST, Math.round(side * GAP_SHARE));
      this.#layout = { key, ...mosaic({ ...screen, gap, aspects, invite: inviteSizes(side) }) };
    }
    return this.#layout;
  }

  /** Where every picture is seen right now, in the middle of a movement too. */
  #places() {
    const places = new Map();
    for (const [id, tile] of this.#tiles) places.set(id, tile.getBoundingClientRect());
    if (!this.#stage.hidden) {
      places.set(this.#stage.dataset.imageId, this.#stage.querySelector("canvas").getBoundingClientRect());
    }
    places.set("invite", this.#invite.getBoundingClientRect());
    return places;
  }

  #placeTile({ card, canvas }, rect) {
    let tile = this.#tiles.get(card.id);
    if (!tile) {
      tile = document.createElement("figure");
      tile.className = "wall__tile";
      tile.dataset.imageId = card.id;
      this.#tiles.set(card.id, tile);
    }
    if (canvas.parentNode !== tile) tile.replaceChildren(canvas);
    if (tile.parentNode !== this.#mosaic) this.#mosaic.append(tile);
    const box = fitted({ x: 0, y: 0, width: rect.width, height: rect.height }, shownSize(card), IN_MOSAIC);
    describe(canvas, card);
    place(tile, rect);
    place(canvas, box);
    return { id: card.id, longest: Math.max(box.width, box.height) * devicePixelRatio };
  }

  #removeTile(id, tile) {
    this.#tiles.delete(id);
    if (tile.querySelector("canvas")) disappear(tile, () => tile.remove());
    else tile.remove();
  }

  #placeInvite(rect) {
    if (rect) place(this.#invite, rect);
    else this.#invite.removeAttribute("style");
  }

  #placeStaged({ card, canvas }, screen, invite) {
    const box = fitted(stageArea(screen, invite, aspectOf(card)), shownSize(card), ON_STAGE);
    const [frame, caption] = this.#stage.children;
    if (canvas.parentNode !== frame) frame.replaceChildren(canvas);
    describe(canvas, card);
    place(frame, box);
    place(canvas, { x: 0, y: 0, width: box.width, height: box.height });
    place(caption, { x: box.x, y: box.y, width: box.width, height: box.height });
    const [name, saved] = caption.firstElementChild.children;
    name.textContent = card.caption || card.original_name;
    saved.textContent = saving(card.reduction_percentage);
    this.#stage.dataset.imageId = card.id;
    this.#stage.hidden = false;
    return { id: card.id, longest: Math.max(box.width, box.height) * devicePixelRatio };
  }

  /** Everything travels to its new place; behind a picture on stage nothing moves, it only changes. */
  #move(before, staged) {
    if (staged) {
      if (!before.has(staged.card.id)) appear(this.#stage);
      return;
    }
    for (const [id, tile] of this.#tiles) {
      if (before.has(id)) glide(tile, before.get(id));
      else appear(tile);
    }
    if (before.get("invite").width) glide(this.#invite, before.get("invite"));
  }
}

/** The least room for the QR code with its words, upright and lying, on a screen with this shorter side. */
function inviteSizes(side) {
  const code = Math.max(QR_LEAST, side * QR_SHARE);
  const text = Math.max(TEXT_LEAST, side * TEXT_SHARE);
  return {
    tall: { width: code + text * 2, height: code + text * 6 },
    wide: { width: code + text * 10, height: code + text * 2 },
  };
}

function aspectOf(card) {
  const { width, height } = shownSize(card);
  return width / height;
}

function describe(canvas, card) {
  canvas.setAttribute("role", "img");
  canvas.setAttribute("aria-label", card.caption || card.original_name);
}

function place(element, { x, y, width, height }) {
  element.style.left = `${x}px`;
  element.style.top = `${y}px`;
  element.style.width = `${width}px`;
  element.style.height = `${height}px`;
}
