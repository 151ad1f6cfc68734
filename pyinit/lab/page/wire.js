/** The wire to what trains: messages are JSON, frames are arrays; a socket carries both. */

const LITTLE = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;
const KINDS = { f4: Float32Array, i4: Int32Array, u1: Uint8Array };
const MOST_HEADER = 1 << 20;

/**
 * Return the header and the arrays of a frame; the arrays are views of its memory where it is aligned.
 * @param {DataView} frame @returns {Frame}
 */
export function decode(frame) {
  if (!LITTLE) throw new Error("a frame is little endian; this machine is not");
  if (frame.byteLength < 4) throw new Error(`a frame has at least 4 bytes; got ${frame.byteLength}`);
  const length = frame.getUint32(0, true);
  const start = 4 + length;
  if (length > MOST_HEADER || start > frame.byteLength) {
    throw new Error(`a frame of ${frame.byteLength} bytes cannot have a header of ${length}`);
  }
  const text = new TextDecoder("utf-8", { fatal: true }).decode(
    new Uint8Array(frame.buffer, frame.byteOffset + 4, length),
  );
  const header = JSON.parse(text);
  if (typeof header !== "object" || header === null || !Array.isArray(header.arrays)) {
    throw new Error("a frame's header is an object with arrays");
  }
  /** @type {Map<string, Plane>} */
  const arrays = new Map();
  for (const one of header.arrays) {
    const Kind = KINDS[/** @type {keyof typeof KINDS} */ (one?.dtype)];
    const shape = one?.shape;
    if (!Kind || typeof one.name !== "string" || !Array.isArray(shape)) throw new Error("an array is not described");
    if (!shape.every((n) => Number.isInteger(n) && n >= 0)) throw new Error(`${one.name} has no valid shape`);
    const count = shape.reduce((product, n) => product * n, 1);
    const bytes = count * Kind.BYTES_PER_ELEMENT;
    const offset = start + one.offset;
    if (!Number.isInteger(one.offset) || one.offset < 0 || offset + bytes > frame.byteLength) {
      throw new Error(`${one.name} lies outside the frame`);
    }
    const at = frame.byteOffset + offset;
    const buffer = /** @type {ArrayBuffer} */ (frame.buffer);
    const aligned = at % Kind.BYTES_PER_ELEMENT === 0;
    const values = aligned ? new Kind(buffer, at, count) : new Kind(buffer.slice(at, at + bytes));
    arrays.set(one.name, { values, shape });
  }
  return { header, arrays };
}

const SHORTEST_WAIT = 250;
const LONGEST_WAIT = 5000;
const FORBIDDEN = 403;

/**
 * Return a wire over a WebSocket that is opened again, after longer and longer waits, when it drops. A server
 * that was started again has another token: what it answers for the page says so, as a socket cannot.
 * @param {string} url @param {string} page @returns {Wire}
 */
export function socketWire(url, page) {
  let wait = SHORTEST_WAIT;
  let ended = false;
  /** @type {WebSocket | null} */
  let socket = null;
  /** @type {Wire} */
  const wire = {
    send(message, binary) {
      if (socket?.readyState !== WebSocket.OPEN) return;
      socket.send(JSON.stringify(message));
      if (binary) socket.send(binary);
    },
    onmessage() {},
    onframe() {},
    onstate() {},
    close() {
      ended = true;
      socket?.close();
    },
  };
  const open = () => {
    const opened = new WebSocket(url);
    opened.binaryType = "arraybuffer";
    socket = opened;
    opened.onopen = () => {
      wait = SHORTEST_WAIT;
      wire.onstate("open");
    };
    opened.onmessage = ({ data }) => {
      if (typeof data === "string") wire.onmessage(JSON.parse(data));
      else wire.onframe(new DataView(data));
    };
    opened.onclose = async () => {
      wire.onstate("closed");
      if (ended) return;
      const answer = await fetch(page, { cache: "no-store" }).catch(() => null);
      if (answer?.status === FORBIDDEN) return wire.onstate("refused");
      setTimeout(open, wait);
      wait = Math.min(wait * 2, LONGEST_WAIT);
    };
  };
  // after the page has said what it listens to
  setTimeout(open);
  return wire;
}
