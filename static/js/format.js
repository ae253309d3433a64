/** Numbers, times and errors in words, in the language of the page. Texts are looked up when asked for. */

const NO_BREAK_SPACE = "\u00a0";
const KILOBYTE = 1_000;
const UNITS = ["B", "KB", "MB", "GB", "TB"];

/** A size as people know it from their files: "3.0 MB", "4.1 KB", "512 B". Powers of 1000. */
export function fileSize(bytes) {
  const power = bytes < KILOBYTE ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(KILOBYTE)), UNITS.length - 1);
  // 999,960 bytes would round to "1000.0 KB".
  const unit = power > 0 && power < UNITS.length - 1 && bytes / KILOBYTE ** power >= 999.95 ? power + 1 : power;
  return decimal(bytes / KILOBYTE ** unit, unit === 0 ? 0 : 1) + NO_BREAK_SPACE + UNITS[unit];
}

/** A size that is only known roughly: "45 KB", "4.1 KB". */
export function roughSize(bytes) {
  const rough = Number(bytes.toPrecision(2));
  return fileSize(rough).replace(/(\d{2,})[.,]0/, "$1");
}

/** A limit as its setting is written, in powers of 1024: 5242880 is "5 MB". */
export function sizeLimit(bytes) {
  const megabytes = bytes / 1024 ** 2;
  if (megabytes >= 1) return upTo(megabytes, 1) + NO_BREAK_SPACE + "MB";
  return upTo(bytes / 1024, 1) + NO_BREAK_SPACE + "KB";
}

/** "57 %", of a number from 0 to 100. */
export function percent(value, digits = 0) {
  return decimal(value, digits) + NO_BREAK_SPACE + "%";
}

/** How much was saved: "99.9 % smaller". Never claims a whole 100 % for a file that still has bytes. */
export function saving(percentage) {
  const rounded = Math.round(Math.abs(percentage) * 10) / 10;
  const tenths = percentage > 0 && percentage < 100 ? Math.min(rounded, 99.9) : rounded;
  if (tenths === 0) return gettext("same size");
  const pattern = percentage > 0 ? gettext("%(percentage)s smaller") : gettext("%(percentage)s larger");
  return interpolate(pattern, { percentage: percent(tenths, 1) }, true);
}

/** "4032 × 3024" */
export function dimensions(width, height) {
  return `${width}${NO_BREAK_SPACE}×${NO_BREAK_SPACE}${height}`;
}

/** What people call a content type: "WebP". */
export function pictureType(contentType) {
  const names = { "image/jpeg": "JPEG", "image/webp": "WebP", "image/apng": "PNG" };
  return names[contentType] ?? contentType.replace(/^image\//, "").toUpperCase();
}

/** A whole number with the separators of the language: "1,234". */
export function count(number) {
  return new Intl.NumberFormat(language()).format(number);
}

/** The day and time of an ISO stamp, in the viewer's time zone: "31 Jan 2026, 16.30". */
export function moment(iso) {
  return new Intl.DateTimeFormat(language(), { dateStyle: "medium", timeStyle: "short" }).format(new Date(iso));
}

/** "12 new", for pictures that wait above. */
export function newPictures(number, { orMore = false } = {}) {
  const shown = orMore ? `${count(number)}+` : count(number);
  return interpolate(ngettext("%(count)s new", "%(count)s new", number), { count: shown }, true);
}

/** "3 people watching" */
export function viewers(number) {
  const pattern = ngettext("%(count)s person watching", "%(count)s people watching", number);
  return interpolate(pattern, { count: count(number) }, true);
}

/** The state of the connection in a word or two. */
export function connectionText(word) {
  const words = {
    live: gettext("Live"),
    "catching-up": gettext("Catching up"),
    reconnecting: gettext("Reconnecting"),
    offline: gettext("Offline"),
  };
  return words[word] ?? words.reconnecting;
}

/**
 * A sentence for an error code, whether it came with a refused upload or stands in a failed card.
 * `limits` are `max_bytes` and `max_pixels` of the page's configuration.
 */
export function errorText(code, limits = {}) {
  const sentence = SENTENCES[code] ?? SENTENCES.unknown;
  return sentence(limits);
}

const SENTENCES = {
  missing_file: () => gettext("The file is empty."),
  bad_request: () => gettext("The upload could not be understood."),
  invalid_parameter: () => gettext("The upload could not be understood."),
  csrf_failed: () => gettext("This page is too old to upload from. Reload it and try again."),
  not_found: () => gettext("This gallery is no longer here."),
  conflict: () => gettext("This upload was already used, or its picture was removed."),
  too_large: ({ max_bytes }) =>
    max_bytes
      ? interpolate(gettext("The picture is larger than %(limit)s."), { limit: sizeLimit(max_bytes) }, true)
      : gettext("The picture is too large."),
  unsupported_type: () => gettext("This is not a picture that can be shown here. JPEG, PNG, GIF, WebP, AVIF and HEIC work."),
  unreadable_image: () => gettext("The picture is damaged and can't be read."),
  damaged_image: () => gettext("The picture is damaged or incomplete."),
  too_many_pixels: ({ max_pixels }) =>
    max_pixels
      ? interpolate(
          gettext("The picture has more than %(limit)s megapixels."),
          { limit: upTo(max_pixels / 1_000_000, 1) },
          true,
        )
      : gettext("The picture has too many pixels."),
  too_complex: () => gettext("The picture is too complicated to work on."),
  processing_failed: () => gettext("The picture could not be made smaller."),
  original_missing: () => gettext("The picture was lost on the server."),
  rate_limited: () => gettext("Many uploads at once. Yours goes on in a moment."),
  unavailable: () => gettext("The gallery can't be reached right now."),
  storage_full: () => gettext("There is no room for more pictures right now. Yours is sent as soon as there is."),
  network: () => gettext("The connection was lost."),
  forbidden: () => gettext("Adding pictures is not allowed here."),
  unreadable_file: () => gettext("The file can't be read any more. Choose it again."),
  removed: () => gettext("The picture was removed."),
  unknown: () => gettext("Something went wrong."),
};

function decimal(value, digits) {
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return new Intl.NumberFormat(language(), options).format(value);
}

function upTo(value, digits) {
  return new Intl.NumberFormat(language(), { maximumFractionDigits: digits }).format(value);
}

function language() {
  return document.documentElement.lang || undefined;
}
