/** Colours: the page's own, read from its style, and tables from a number to a colour. */

/** @param {string} color such as #0072b2 @returns {[number, number, number]} */
export function rgb(color) {
  const digits = color.trim().slice(1);
  const whole = digits.length === 3 ? [...digits].map((one) => one + one).join("") : digits;
  const number = parseInt(whole, 16);
  return [number >> 16, (number >> 8) & 255, number & 255];
}

/** @param {number} r @param {number} g @param {number} b @returns {number} a pixel of ImageData */
export function pixel(r, g, b) {
  return ((255 << 24) | (b << 16) | (g << 8) | r) >>> 0;
}

/** Return 256 pixels through the colours given, evenly spaced. @param {string[]} colors */
function ramp(colors) {
  const stops = colors.map(rgb);
  return Uint32Array.from({ length: 256 }, (_, i) => {
    const at = (i / 255) * (stops.length - 1);
    const from = Math.min(Math.floor(at), stops.length - 2);
    const [a, b] = [stops[from], stops[from + 1]];
    const mixed = a.map((one, j) => Math.round(one + (b[j] - one) * (at - from)));
    return pixel(mixed[0], mixed[1], mixed[2]);
  });
}

/** @param {HTMLElement} root @returns {Palette} */
export function paletteOf(root) {
  const style = getComputedStyle(root);
  const get = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
  const list = (/** @type {string} */ name, /** @type {number} */ count) =>
    Array.from({ length: count }, (_, i) => get(`${name}-${i}`));
  const classes = list("class", 6);
  return {
    ink: get("ink"),
    muted: get("muted"),
    line: get("line"),
    surface: get("surface"),
    runs: list("run", 4),
    kinds: list("kind", 4),
    classes,
    negative: get("negative"),
    positive: get("positive"),
    good: get("good"),
    bad: get("bad"),
    diverging: ramp([get("cold-2"), get("cold-1"), get("neutral"), get("warm-1"), get("warm-2")]),
    sequential: ramp([get("neutral"), get("warm-1"), get("warm-2")]),
    sides: ramp([get("side-0"), get("side-middle"), get("side-1")]),
    font: style.fontFamily,
  };
}

/** @param {Uint32Array} table @param {number} share from 0 to 1 */
export function look(table, share) {
  return table[share <= 0 ? 0 : share >= 1 ? 255 : Math.round(share * 255)];
}

/** @param {number} one a pixel @returns {string} the same as a style */
export const styleOf = (one) => `rgb(${one & 255} ${(one >> 8) & 255} ${(one >> 16) & 255})`;

/**
 * Fill a canvas of pixels, made as large as that, or wider ones from column `from` on.
 * @param {HTMLCanvasElement} canvas @param {number} width @param {number} height
 * @param {(i: number) => number} pixelOf row by row @param {number} [from]
 */
export function fillPixels(canvas, width, height, pixelOf, from) {
  if (from === undefined && (canvas.width !== width || canvas.height !== height)) {
    canvas.width = width;
    canvas.height = height;
  }
  const image = new ImageData(width, height);
  const pixels = new Uint32Array(image.data.buffer);
  for (let i = 0; i < pixels.length; i++) pixels[i] = pixelOf(i);
  canvas.getContext("2d")?.putImageData(image, from ?? 0, 0);
}
