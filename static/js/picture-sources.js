/**
 * Which files a picture is shown from. A card offers the original, the small version and, in its `srcset`, renditions of
 * several widths; those and the small version show the picture as it was edited, the original does not.
 *
 * @typedef {{url: string, width: number}} File  its width in pixels
 * @typedef {File & {srcset: string|null, sizes: string|null, expires: string|null, revision: number}} Sources
 *   what an <img> gets; `width` is that of the largest file
 */

/** The pixels of the picture as it is shown, as far as they are known; always right as a ratio. */
export function shownSize(card) {
  if (!card.edit || !card.compressed_width) return { width: card.width, height: card.height };
  const { width } = offered(card).at(-1);
  return { width, height: (width * card.compressed_height) / card.compressed_width };
}

/** The small version: on board of the card, or at its address. @returns {Sources} */
export function smallVersion(card) {
  const { compressed_data: data, compressed_url, compressed_width, urls_expire_at, revision } = card;
  const url = data ?? compressed_url;
  return { url, width: compressed_width, srcset: null, sizes: null, expires: data ? null : urls_expire_at, revision };
}

/** The picture in the grid: the rendition that the width of its card asks for. @returns {Sources} */
export function forGrid(card) {
  return sources(card, renditions(card), "auto, (max-width: 640px) 100vw, 480px");
}

/** The picture in the whole window, but never larger than it is. @returns {Sources} */
export function forWindow(card) {
  const { width, height } = shownSize(card);
  return sources(card, offered(card), `min(100vw, ${Math.ceil((100 * width) / height)}vh, ${Math.ceil(width)}px)`);
}

/**
 * The smallest file whose longer side has at least so many pixels, or the largest there is.
 * @returns {{url: string, longest: number}} `longest`: how many its longer side has
 */
export function fileFor(card, longest) {
  const size = shownSize(card);
  const perWidth = Math.max(size.width, size.height) / size.width;
  const files = offered(card).map(({ url, width }) => ({ url, longest: width * perWidth }));
  return files.find((file) => file.longest >= longest) ?? files.at(-1);
}

function sources(card, files, sizes) {
  const { urls_expire_at: expires, revision } = card;
  const isChoice = files.length > 1;
  const srcset = isChoice ? files.map(({ url, width }) => `${url} ${width}w`).join(", ") : null;
  return { ...offered(card).at(-1), srcset, sizes: isChoice ? sizes : null, expires, revision };
}

/** All files that show the picture as it is meant to be seen, the smallest first; the small version only without others. */
function offered(card) {
  const files = renditions(card);
  const isOriginalLarger = card.width > (files.at(-1)?.width ?? 0);
  if (!card.edit && isOriginalLarger) files.push({ url: card.original_url, width: card.width });
  if (!files.length) files.push({ url: smallVersion(card).url, width: card.compressed_width });
  return files;
}

function renditions({ srcset }) {
  const entries = (srcset ?? "").split(",").map((entry) => entry.trim().split(/\s+/));
  return entries
    .filter(([url, descriptor]) => url && /^\d+w$/.test(descriptor))
    .map(([url, descriptor]) => ({ url, width: Number.parseInt(descriptor, 10) }))
    .sort((a, b) => a.width - b.width);
}
