/** A data set as a small picture; the points are only like the real ones. */

/** @type {Record<string, (share: number, side: number) => [number, number]>} */
const SHAPES = {
  circles: (share, side) => [(side ? 0.42 : 0.85) * Math.cos(share * 6.283), (side ? 0.42 : 0.85) * Math.sin(share * 6.283)],
  moons: (share, side) =>
    side
      ? [0.36 - 0.55 * Math.cos(share * 3.14), 0.22 - 0.62 * Math.sin(share * 3.14)]
      : [-0.36 + 0.55 * Math.cos(share * 3.14), -0.22 + 0.62 * Math.sin(share * 3.14)],
  spirals: (share, side) => {
    const angle = share * 8 + side * 3.14;
    return [(0.1 + 0.8 * share) * Math.cos(angle), (0.1 + 0.8 * share) * Math.sin(angle)];
  },
  blobs: (share, side) => {
    const radius = 0.34 * Math.sqrt((share * 7.13) % 1);
    return [(side ? 0.42 : -0.42) + radius * Math.cos(share * 97), (side ? 0.3 : -0.3) + radius * Math.sin(share * 97)];
  },
  checkerboard: (share, side) => {
    const index = Math.floor(share * 18) % 8;
    const row = Math.floor(index / 2);
    const column = 2 * (index % 2) + ((row + side) % 2);
    const within = [(share * 18 * 0.618) % 1, (share * 18 * 0.377) % 1];
    return [-0.9 + (column + within[0]) * 0.45, -0.9 + (row + within[1]) * 0.45];
  },
  mnist: (share, side) => (side ? [0.5, 1.5 * share - 0.75] : [-0.35 + 0.4 * Math.cos(share * 6.283), 0.75 * Math.sin(share * 6.283)]),
  abalone: (share, side) => {
    const [x, off] = [1.7 * share - 0.85, ((share * (side ? 13.7 : 7.9)) % 1) - 0.5];
    return [x, 0.8 * x + off * (0.3 + 0.5 * share)];
  },
};

const SIDE = 40;
const POINTS = 34;

/** @param {string} name @returns {boolean} whether this data set has a picture */
export const hasThumbnail = (name) => name in SHAPES;

/** @param {HTMLCanvasElement} canvas @param {string} name @param {Palette} palette */
export function drawThumbnail(canvas, name, palette) {
  const context = canvas.getContext("2d");
  const place = SHAPES[name];
  if (!context || !place) return;
  const scale = Math.min(2, window.devicePixelRatio || 1);
  canvas.width = canvas.height = SIDE * scale;
  context.scale(scale, scale);
  for (const side of [0, 1]) {
    context.fillStyle = palette.classes[side];
    for (let i = 0; i < POINTS; i++) {
      const [x, y] = place((i + 0.5) / POINTS, side);
      context.beginPath();
      context.arc((SIDE / 2) * (1 + x * 0.92), (SIDE / 2) * (1 - y * 0.92), 1.5, 0, 7);
      context.fill();
    }
  }
}
