/**
 * What the uploader may choose: the largest width in pixels, the format, the quality from 1 to 100. Remembered from visit
 * to visit, as far as it differs from what the gallery does by itself.
 *
 * @typedef {{width: number, format: "jpeg"|"webp"|"avif"|null, quality: number}} Options
 *   `format` null: JPEG, but an animation stays one
 */

const LEAST_WIDTH = 16;
const MOST_WIDTH = 4096;
const FORMATS = ["jpeg", "webp", "avif"];
const STORED_AS = "upload-options";

/** What the gallery does by itself. */
export function defaultOptions(config) {
  return { width: config.thumbnail_width, format: null, quality: config.thumbnail_quality };
}

/** The fields of an upload with these options; nothing that the gallery does by itself. */
export function fieldsOf(options, defaults) {
  return Object.fromEntries(Object.entries(options).filter(([name, value]) => value !== defaults[name]));
}

/** The defaults with those of `fields` that are possible. */
export function optionsFrom(fields, defaults) {
  const { width, format, quality } = fields;
  return {
    width: isWithin(width, LEAST_WIDTH, MOST_WIDTH) ? width : defaults.width,
    format: FORMATS.includes(format) ? format : defaults.format,
    quality: isWithin(quality, 1, 100) ? quality : defaults.quality,
  };
}

/** The options of the last visit. */
export function remembered(defaults) {
  try {
    return optionsFrom(JSON.parse(localStorage.getItem(STORED_AS)) ?? {}, defaults);
  } catch {
    return defaults; // storage is forbidden here, or something else is stored there
  }
}

/** Keeps the options for the next visit. */
export function remember(options, defaults) {
  const fields = fieldsOf(options, defaults);
  try {
    if (Object.keys(fields).length) localStorage.setItem(STORED_AS, JSON.stringify(fields));
    else localStorage.removeItem(STORED_AS);
  } catch {
    // Storage is forbidden here: the choice holds for this page.
  }
}

/** "1280 px, WebP", and the quality when it is not the usual one. */
export function summary({ width, format, quality }, defaults) {
  const name = { webp: "WebP", avif: "AVIF" }[format] ?? "JPEG";
  const words = [`${width}\u00a0px`, name];
  if (quality !== defaults.quality) words.push(interpolate(gettext("quality %(quality)s"), { quality }, true));
  return words.join(", ");
}

const isWithin = (number, least, most) => Number.isInteger(number) && number >= least && number <= most;
