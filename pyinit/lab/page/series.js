/** Numbers that keep coming, kept in bounded memory: when full, neighbours are joined. */

const CAPACITY = 1024;

/** Losses by step: the least, the greatest and the mean of each group of equally many steps. */
export class Series {
  constructor() {
    this.low = new Float32Array(CAPACITY);
    this.high = new Float32Array(CAPACITY);
    this.sum = new Float64Array(CAPACITY);
    /** steps in a full group, groups begun, and values in all */
    this.group = 1;
    this.groups = 0;
    this.count = 0;
    this.last = NaN;
  }

  clear() {
    this.group = 1;
    this.groups = 0;
    this.count = 0;
    this.last = NaN;
  }

  /** @param {number} value */
  push(value) {
    let at = Math.floor(this.count / this.group);
    if (at === CAPACITY) {
      this.halve();
      at = Math.floor(this.count / this.group);
    }
    if (at === this.groups) {
      this.low[at] = this.high[at] = value;
      this.sum[at] = 0;
      this.groups += 1;
    }
    this.low[at] = Math.min(this.low[at], value);
    this.high[at] = Math.max(this.high[at], value);
    this.sum[at] += value;
    this.count += 1;
    this.last = value;
  }

  halve() {
    for (let i = 0; i < CAPACITY / 2; i++) {
      this.low[i] = Math.min(this.low[2 * i], this.low[2 * i + 1]);
      this.high[i] = Math.max(this.high[2 * i], this.high[2 * i + 1]);
      this.sum[i] = this.sum[2 * i] + this.sum[2 * i + 1];
    }
    this.groups = CAPACITY / 2;
    this.group *= 2;
  }

  /** @param {number} i @returns {number} the step in the middle of group i */
  stepOf(i) {
    return i * this.group + (this.sizeOf(i) - 1) / 2;
  }

  /** @param {number} i @returns {number} how many values group i has */
  sizeOf(i) {
    return Math.min(this.group, this.count - i * this.group);
  }

  /** @param {number} i */
  meanOf(i) {
    return this.sum[i] / this.sizeOf(i);
  }
}

const COLUMNS = 512;

/** A column of numbers at each of some steps; when there are too many, every second one is kept. */
export class Columns {
  /** @param {number} rows */
  constructor(rows) {
    this.rows = rows;
    this.values = new Float32Array(rows * COLUMNS);
    this.steps = new Float64Array(COLUMNS);
    this.length = 0;
    /** one of so many frames is kept; `version` changes when kept columns move */
    this.stride = 1;
    this.seen = 0;
    this.version = 0;
  }

  /** @param {number} step @param {ArrayLike<number>} column @returns {boolean} whether it was kept */
  push(step, column) {
    if (this.seen++ % this.stride) return false;
    if (this.length === COLUMNS) {
      for (let i = 0; i < COLUMNS / 2; i++) {
        this.values.copyWithin(i * this.rows, 2 * i * this.rows, (2 * i + 1) * this.rows);
        this.steps[i] = this.steps[2 * i];
      }
      this.length = COLUMNS / 2;
      this.stride *= 2;
      this.version += 1;
    }
    this.values.set(column, this.length * this.rows);
    this.steps[this.length++] = step;
    return true;
  }
}
