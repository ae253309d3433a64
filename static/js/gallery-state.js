/**
 * What a browser knows of a gallery, as a pure reducer: the same messages give the same state, whoever carried them.
 *
 * A card is the JSON object of one image. Per id the higher `seq` wins; a removed id leaves a tombstone, so that an
 * answer which was on its way when the picture went can't bring it back.
 *
 * @typedef {{id: string, position: number, seq: number, revision: number, status: string}} Card
 * @typedef {{epoch: string|null, cursor: number|null, cards: Map<string, Card>, removed: Map<string, number>,
 *            next: number|null|undefined, held: {above: number, number: number}|null}} State
 *   `next`: where the next older page starts; null: nothing older. `held`: cards above this position are left out, of which
 *   there were `number` at first.
 */

const TOMBSTONES_KEPT = 500;

/** The state before anything is known. */
export function emptyState() {
  return { epoch: null, cursor: null, cards: new Map(), removed: new Map(), next: undefined, held: null };
}

/** The state after `message`; the very same object when it changes nothing. */
export function apply(state, message) {
  const reduce = REDUCERS[message.type];
  return reduce ? reduce(state, message) : state;
}

/** What to do with a `changes` message: "apply" it, "ignore" it (already known), or ask for the "gap" before it. */
export function disposition(state, changes) {
  if (state.cursor === null || changes.from > state.cursor) return "gap";
  return changes.to > state.cursor ? "apply" : "ignore";
}

/**
 * The cards, newest first. A card older than the oldest loaded page is held back until its page arrives, so that the
 * gallery never shows one with a hole above it.
 */
export function ordered(state) {
  const oldest = state.next ?? -Infinity;
  return [...state.cards.values()].filter((card) => card.position >= oldest).sort((a, b) => b.position - a.position);
}

/** Whether the picture of this card can be shown. */
export const isReady = ({ status }) => status === "ready";

const REDUCERS = {
  snapshot(state, { epoch, head, images, next }) {
    const base = { ...emptyState(), epoch, cursor: head, next };
    if (state.epoch === epoch) {
      // Upload answers and live messages may have run ahead of this snapshot.
      for (const card of state.cards.values()) if (card.seq > head) base.cards.set(card.id, card);
      for (const [id, seq] of state.removed) if (seq > head) base.removed.set(id, seq);
    }
    const known = images.map((card) => withKeptData(state.cards.get(card.id), card));
    return merged(base, known);
  },

  page(state, { epoch, images, next }) {
    if (epoch !== state.epoch) return state;
    const after = merged(state, images);
    return next === state.next ? after : { ...after, next };
  },

  changes(state, message) {
    if (disposition(state, message) !== "apply") return state;
    const after = without(merged(state, message.cards), message.removed);
    return { ...after, cursor: message.to };
  },

  card(state, { card }) {
    return isOvertaken(state, card) ? state : merged(state, [card]);
  },

  signed(state, { images, urls_expire_at }) {
    const cards = new Map(state.cards);
    const known = Object.keys(images).filter((id) => cards.has(id));
    for (const id of known) cards.set(id, { ...cards.get(id), ...images[id], urls_expire_at });
    return known.length ? { ...state, cards } : state;
  },

  /** Forget all but the newest `keep` cards that count: for screens that stay on for days. */
  trim(state, { keep, counts = always }) {
    const oldest = nth(keep, state, counts)?.position;
    if (oldest === undefined) return withFewOthers(state, keep, counts);
    // A card that was held back below the loaded pages stays held back.
    const next = state.next === undefined ? undefined : Math.max(oldest, state.next ?? oldest);
    const kept = [...state.cards.values()].filter(({ position }) => position >= oldest);
    return withFewOthers({ ...state, cards: byId(kept), next }, keep, counts);
  },

  /**
   * Forget the cards above position `above`, once more than `keep` of them count, and take in no others: for somebody
   * who has stayed further down for hours. A snapshot ends it.
   */
  hold(state, { above, keep, counts = always }) {
    const cards = [...state.cards.values()];
    const number = cards.filter((card) => card.position > above && counts(card)).length;
    if (number <= keep) return withFewOthers(state, keep, counts);
    const kept = cards.filter(({ position }) => position <= above);
    return withFewOthers({ ...state, cards: byId(kept), held: { above, number } }, keep, counts);
  },
};

const always = () => true;

/** The card that is the `number`th from the top of those that `counts` accepts, when there are more than that. */
function nth(number, { cards }, counts) {
  const counted = [...cards.values()].filter(counts);
  return counted.length > number ? counted.sort((a, b) => b.position - a.position)[number - 1] : undefined;
}

/** Only the newest `keep` of the cards that don't count, and few tombstones. A change of one left out brings all of it. */
function withFewOthers(state, keep, counts) {
  const oldest = nth(keep, state, (card) => !counts(card))?.position;
  if (oldest === undefined) return withFewTombstones(state);
  const kept = [...state.cards.values()].filter((card) => counts(card) || card.position >= oldest);
  return withFewTombstones({ ...state, cards: byId(kept) });
}

function withFewTombstones(state) {
  if (state.removed.size <= TOMBSTONES_KEPT) return state;
  return { ...state, removed: new Map([...state.removed].sort((a, b) => b[1] - a[1]).slice(0, TOMBSTONES_KEPT)) };
}

const byId = (cards) => new Map(cards.map((card) => [card.id, card]));

function merged(state, incoming) {
  const leftOut = state.held?.above ?? Infinity;
  const cards = new Map(state.cards);
  const removed = new Map(state.removed);
  let changed = false;
  for (const card of incoming) {
    if (card.position > leftOut || (removed.get(card.id) ?? -1) >= card.seq) continue;
    const known = cards.get(card.id);
    if (known && !isNews(known, card)) continue;
    cards.set(card.id, withKeptData(known, card));
    removed.delete(card.id);
    changed = true;
  }
  return changed ? { ...state, cards, removed } : state;
}

function without(state, tombstones) {
  const cards = new Map(state.cards);
  const removed = new Map(state.removed);
  let changed = false;
  for (const { id, seq } of tombstones) {
    if ((removed.get(id) ?? -1) >= seq || (cards.get(id)?.seq ?? -1) > seq) continue;
    cards.delete(id);
    removed.set(id, seq);
    changed = true;
  }
  return changed ? { ...state, cards, removed } : state;
}

/** A higher number is news; so is the same one with URLs that live longer, or with the picture itself on board. */
function isNews(known, card) {
  if (card.seq !== known.seq) return card.seq > known.seq;
  if (card.compressed_data && !known.compressed_data) return true;
  return (card.urls_expire_at ?? "") > (known.urls_expire_at ?? "");
}

/** The picture that a live change carried stays with its card, as long as it is the same picture. */
function withKeptData(known, card) {
  if (!known?.compressed_data || card.compressed_data) return card;
  if (card.status !== "ready" || known.revision !== card.revision) return card;
  return { ...card, compressed_data: known.compressed_data };
}

/** Whether the feed has passed this card's number without it: then it was removed meanwhile. */
function isOvertaken(state, card) {
  if (state.cursor === null || card.seq > state.cursor || state.cards.has(card.id)) return false;
  return card.position >= (state.next ?? -Infinity);
}
