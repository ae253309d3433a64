/**
 * Where the pictures of a wall go: a mosaic that fills the screen, pure geometry.
 *
 * The newest picture is the largest, at the top left; others stand in rows beside and below it; the invitation (the QR
 * code) takes the last place. Rows and columns of pictures have a natural shape of their own: side by side the aspect
 * ratios add up, on top of each other their inverses do. Stretching the whole to the screen crops every picture
 * by the same share, so among many arrangements the one nearest to the screen's shape wins.
 *
 * @typedef {{x: number, y: number, width: number, height: number}} Rect
 */

/** The share of a picture that may be cut off to fill its place. */
export const CROP_LIMIT = 0.15;

const MOST_TILES = 20;
const MOST_TILES_ON_A_PHONE = 12;
const PHONE_SIDE = 600;
const LEFT_OUT_AT_MOST = 6;
const MOST_BESIDE = 10;
const MOST_ROWS = 5;
const MARGIN_FOR_GAPS = 0.01;
const SLIMMEST = 0.45;
const WIDEST = 2.6;
const HERO_SHARE = 0.34;
const HERO_SHARE_AMONG_FEW = 0.6;

/**
 * The mosaic for the newest pictures, as many as fit well.
 *
 * @param {{width: number, height: number, gap: number, aspects: number[],
 *          invite: {tall: {width: number, height: number}, wide: {width: number, height: number}}}} wanted
 *   `aspects`: width / height, newest first; `invite`: the least size of the invitation, upright and lying
 * @returns {{tiles: Rect[], invite: Rect}} tiles in the order of `aspects`, maybe fewer
 */
export function mosaic(wanted) {
  const most = Math.min(wanted.width, wanted.height) < PHONE_SIDE ? MOST_TILES_ON_A_PHONE : MOST_TILES;
  const aspects = wanted.aspects.slice(0, most).map((aspect) => Math.min(WIDEST, Math.max(SLIMMEST, aspect)));
  if (aspects.length === 1) return alone(aspects[0], wanted);
  let best = { tiles: [], invite: corner(wanted), cost: Infinity };
  for (const { number, sides, bottoms } of divisions(aspects, wanted)) {
    const missing = 1 - number / aspects.length;
    for (const side of sides) {
      for (const bottom of bottoms) {
        const shape = shapeOf(aspects[0], side, bottom);
        const block = blockFor(shape.aspect, wanted);
        const known = missing + misfit(block, shape.aspect, wanted) + heroMiss(shape.hero, block, number, wanted);
        if (known >= best.cost) continue;
        const placed = arrange(treeOf(aspects[0], side, bottom), block, wanted);
        if (placed && known + placed.cost < best.cost) best = { ...placed, cost: known + placed.cost };
      }
    }
  }
  return best;
}

/**
 * The box of a picture inside `area`: as large as possible, with at most the share `crop` of it cut off, and enlarged at
 * most `enlargement` times.
 */
export function fitted(area, picture, { crop = CROP_LIMIT, enlargement }) {
  const aspect = picture.width / picture.height;
  const slack = 1 / (1 - crop);
  let width = Math.min(area.width, area.height * aspect * slack);
  let height = Math.min(area.height, (width / aspect) * slack);
  const shrink = Math.min(1, (picture.width * enlargement) / width, (picture.height * enlargement) / height);
  width *= shrink;
  height *= shrink;
  return { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
}

/** The part of the screen where a picture on stage is largest without covering the invitation. */
export function stageArea({ width, height }, invite, aspect) {
  const beside = { x: 0, y: 0, width: invite.x, height };
  const above = { x: 0, y: 0, width, height: invite.y };
  const size = (area) => Math.min(area.width / aspect, area.height);
  return size(beside) >= size(above) ? beside : above;
}

/** One picture: in the middle with the invitation in the margin, or with a strip left for it. */
function alone(aspect, { width, height, invite }) {
  const picture = { width: aspect, height: 1 };
  const filling = (area) => fitted({ x: 0, y: 0, ...area }, picture, { enlargement: Infinity });
  const centred = filling({ width, height });
  const beside = filling({ width: width - invite.tall.width, height });
  const above = filling({ width, height: height - invite.wide.height });
  let box = beside.width >= above.width ? beside : above;
  if (centred.x >= invite.tall.width || centred.y >= invite.wide.height) box = centred;
  const right = box.x + box.width;
  const bottom = box.y + box.height;
  const isBeside = width - right >= invite.tall.width;
  const strip = isBeside
    ? { x: right, y: height - invite.tall.height, width: width - right, height: invite.tall.height }
    : { x: 0, y: bottom, width, height: height - bottom };
  return { tiles: [box], invite: strip };
}

/** Every division worth a look: so many pictures, in rows beside the newest and in rows below it. */
function* divisions(aspects, { width, height, invite }) {
  const total = aspects.length;
  const shapes = [
    null, // the invitation hangs in the margin beside or below the pictures
    invite.tall.width / invite.tall.height,
    invite.wide.width / invite.wide.height,
    invite.tall.width / height, // in a column of its own
    width / invite.wide.height, // in a bar of its own
  ];
  const fewest = total > MOST_BESIDE ? total - LEFT_OUT_AT_MOST : total;
  for (let number = total; number >= fewest && number > 0; number -= 1) {
    const rest = aspects.slice(1, number).map((aspect) => leaf(aspect));
    for (const shape of shapes) {
      const last = shape === null ? [] : [leaf(shape, true)];
      for (let beside = 0; beside <= Math.min(rest.length, MOST_BESIDE); beside += 1) {
        const below = rest.slice(beside);
        const isLastBelow = below.length > 0;
        const sides = rowings([...rest.slice(0, beside), ...(isLastBelow ? [] : last)]);
        yield { number, sides, bottoms: rowings(isLastBelow ? [...below, ...last] : []) };
        // The invitation alone below everything
        if (!isLastBelow && last.length) yield { number, sides: rowings(rest.slice(0, beside)), bottoms: [last[0]] };
      }
    }
  }
}

/** The shape of the whole, and the newest picture's share of it. */
function shapeOf(hero, side, bottom) {
  const top = hero + (side?.aspect ?? 0);
  const aspect = bottom ? 1 / (1 / top + 1 / bottom.aspect) : top;
  return { aspect, hero: ((hero / top) * aspect) / top };
}

function treeOf(hero, side, bottom) {
  const top = row(side ? [leaf(hero), side] : [leaf(hero)]);
  return column(bottom ? [top, bottom] : [top]);
}

/** The leaves in one row, two rows, … of about equal length; nothing at all when there are none. */
function rowings(leaves) {
  if (leaves.length === 0) return [null];
  const length = sum(leaves.map(({ aspect }) => aspect));
  const found = [];
  for (let number = 1; number <= Math.min(MOST_ROWS, leaves.length); number += 1) {
    const rows = Array.from({ length: number }, () => []);
    let passed = 0;
    for (const one of leaves) {
      const middle = passed + one.aspect / 2;
      rows[Math.min(number - 1, Math.floor((middle / length) * number))].push(one);
      passed += one.aspect;
    }
    if (rows.every((cells) => cells.length)) found.push(column(rows.map(row)));
  }
  return found;
}

const leaf = (aspect, isInvite = false) => ({ aspect, isInvite });

function row(cells) {
  if (cells.length === 1) return cells[0];
  return { aspect: sum(cells.map((cell) => cell.aspect)), across: true, cells };
}

function column(cells) {
  if (cells.length === 1) return cells[0];
  return { aspect: 1 / sum(cells.map((cell) => 1 / cell.aspect)), across: false, cells };
}

/** The part of the screen that an arrangement of this shape covers, stretched within the crop limit. */
function blockFor(aspect, { width, height }) {
  const slack = 1 / (1 - CROP_LIMIT + MARGIN_FOR_GAPS);
  const blockWidth = Math.min(width, height * aspect * slack);
  const blockHeight = Math.min(height, (blockWidth / aspect) * slack);
  const x = (width - blockWidth) / 2;
  const y = (height - blockHeight) / 2;
  return { x, y, width: blockWidth, height: blockHeight };
}

/** The arrangement on the screen with what it costs in looks; null when the invitation has no room. */
function arrange(tree, block, wanted) {
  const leaves = [];
  place(tree, block, wanted.gap, leaves);
  const tiles = leaves.filter((one) => !one.isInvite).map((one) => one.rect);
  const invite = leaves.find((one) => one.isInvite)?.rect ?? margin(block, wanted);
  if (!invite || !holds(invite, wanted.invite)) return null;
  const taken = (invite.width * invite.height) / (wanted.width * wanted.height);
  return { tiles, invite, cost: unevenness(tiles.slice(1)) + taken * 4 };
}

function place(tree, rect, gap, leaves) {
  if (!tree.cells) {
    leaves.push({ isInvite: tree.isInvite, rect });
    return;
  }
  const share = tree.across ? (cell) => cell.aspect : (cell) => 1 / cell.aspect;
  const total = sum(tree.cells.map(share));
  const room = (tree.across ? rect.width : rect.height) - gap * (tree.cells.length - 1);
  let { x, y } = rect;
  for (const cell of tree.cells) {
    const length = (room * share(cell)) / total;
    const part = tree.across ? { x, y, width: length, height: rect.height } : { x, y, width: rect.width, height: length };
    place(cell, part, gap, leaves);
    if (tree.across) x += length + gap;
    else y += length + gap;
  }
}

/** How much of the screen stays uncovered and how much of each picture is cropped. */
function misfit(block, aspect, { width, height }) {
  const uncovered = 1 - (block.width * block.height) / (width * height);
  const cropped = Math.abs(Math.log(block.width / block.height / aspect));
  return uncovered * 10 + cropped * 3;
}

/** How far the newest picture is from its share of the screen. */
function heroMiss(share, block, number, { width, height }) {
  const wanted = number > 3 ? HERO_SHARE : HERO_SHARE_AMONG_FEW;
  return Math.abs(Math.log((share * block.width * block.height) / (width * height) / wanted)) * 0.8;
}

/** How different the others are from each other. */
function unevenness(tiles) {
  const sizes = tiles.map((tile) => Math.log(tile.width * tile.height));
  const mean = sum(sizes) / (sizes.length || 1);
  return Math.sqrt(sum(sizes.map((size) => (size - mean) ** 2)) / (sizes.length || 1));
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

function holds(rect, { tall, wide }) {
  const fits = (least) => rect.width >= least.width - 1 && rect.height >= least.height - 1;
  return fits(tall) || fits(wide);
}

/** The margin at the right of, or below, a block that doesn't fill the screen. */
function margin(block, { width, height, invite }) {
  const right = width - block.x - block.width;
  const bottom = height - block.y - block.height;
  if (right >= invite.tall.width) return corner({ width, height, invite: { tall: { ...invite.tall, width: right } } });
  if (bottom < invite.wide.height) return null;
  return { x: width - invite.wide.width, y: height - bottom, width: invite.wide.width, height: bottom };
}

function corner({ width, height, invite }) {
  const { tall } = invite;
  return { x: width - tall.width, y: height - tall.height, width: tall.width, height: tall.height };
}
