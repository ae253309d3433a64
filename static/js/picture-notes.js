/** What the server has to say about a finished picture. */

const NOTES = {
  already_optimal: {
    word: () => gettext("Already optimal"),
    sentence: () => gettext("Already optimal: a new version would not have been smaller."),
  },
  first_frame: {
    word: () => gettext("First frame only"),
    sentence: () => gettext("The small version shows the first frame only."),
  },
  original_reencoded: {
    word: () => gettext("Original shown as JPEG"),
    sentence: () => gettext("The original is shown as a JPEG of the same size in pixels."),
  },
};

/** A few words for each note of the card. */
export function noteWords(card) {
  return known(card).map((code) => NOTES[code].word());
}

/** A sentence for each note of the card; only those about one side of the comparison when `side` names it. */
export function noteSentences(card, side = null) {
  const isWanted = (code) => side === null || (code === "original_reencoded") === (side === "original");
  return known(card)
    .filter(isWanted)
    .map((code) => NOTES[code].sentence());
}

const known = ({ notes }) => (notes ?? []).filter((code) => Object.hasOwn(NOTES, code));
