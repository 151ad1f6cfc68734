/** The shapes that the page's modules share, for the type checker alone: no browser reads this file. */

import type { Store as TheStore } from "./store.js";
import type { Lab as TheLab } from "./lab.js";
import type { Painter as ThePainter } from "./paint.js";
import type { Panel as ThePanel } from "./panel.js";
import type { Run as TheRun } from "./run.js";
import type { Series as TheSeries } from "./series.js";

declare global {
  type Store = TheStore;
  type Lab = TheLab;
  type Painter = ThePainter;
  type Panel = ThePanel;
  type Run = TheRun;
  type Series = TheSeries;

  // What is spoken
  type Language = "en" | "zh";
  type Both = { en: string; zh: string };
  type Said = Both | string;

  // What comes over the wire
  type Values = Float32Array | Uint8Array | Int32Array;
  type Plane = { values: Values; shape: number[] };
  type Frame = { header: Record<string, any>; arrays: Map<string, Plane> };
  type Message = Record<string, any>;
  /** What carries an experiment to the page; `onframe` gets one binary message. */
  interface Wire {
    send(message: Message, binary?: ArrayBuffer): void;
    onmessage(message: Message): void;
    onframe(frame: DataView): void;
    /** "refused": there is an answer, but none to this address */
    onstate(state: "open" | "closed" | "refused"): void;
    close?(): void;
  }

  // What an experiment is, and what it may choose from
  type Setting = number | boolean | string;
  type RunSetting = { recipe: string; parameters: Record<string, Setting>; scale: number; sigma_b: number };
  interface Experiment {
    data: string;
    depth: number;
    width: number;
    activation: string;
    norm: string;
    optimizer: string;
    learning_rate: number;
    batch_size: number;
    steps: number;
    seed: number;
    runs: RunSetting[];
  }
  interface DataInfo {
    name: string;
    kind: "2d" | "digits" | "table";
    features: number;
    classes: string[];
    title?: Said;
    columns?: string[];
  }
  type Parameter = { name: string; default?: Setting; choices?: string[] };
  interface Options {
    data: DataInfo[];
    recipes: { name: string; parameters?: Parameter[] }[];
    activations: string[];
    norms?: string[];
    optimizers: { name: string; learning_rate: number }[];
    limits: Record<string, any>;
  }
  type Preset = { name: string; title: Said; experiment: Experiment };
  type Lesson = Preset & { text: Both; question: Both; answer: Both; show: string };
  type LayerVerdict = { kind: string; text: Said };
  type LayerInfo = { name: string; inputs: number; units: number; activation: string };

  // What the page knows
  interface State {
    connection: "open" | "closed" | "refused" | "connecting";
    options: Options | null;
    presets: Preset[];
    tour: Lesson[];
    experiment: Experiment | null;
    runs: Run[];
    data: DataInfo | null;
    playing: boolean;
    finished: boolean;
    step: number;
    pace: number;
    view: string;
    lesson: string;
    /** which run single views show */
    shown: number;
    drawn: "weights" | "gradients";
    logarithmic: boolean;
    heat: string;
    curve: "loss" | "score";
    scored: string;
    phase: "chi" | "depth";
    profile: string;
    /** whether the networks are the user's, not the experiment's */
    own: boolean;
    python: string;
    error: string;
    extent: number[];
    /** the frame of kind data */
    examples: Frame | null;
    /** the frame of kind phase */
    diagram: Frame | null;
  }

  // What draws
  type Point = { x: number; y: number };
  type Box = { left: number; top: number; right: number; bottom: number };
  interface Scale {
    ends: [number, number];
    place(value: number): number;
    value(place: number): number;
    ticks(most: number): number[];
  }
  interface Palette {
    ink: string;
    muted: string;
    line: string;
    surface: string;
    runs: string[];
    kinds: string[];
    classes: string[];
    negative: string;
    positive: string;
    good: string;
    bad: string;
    diverging: Uint32Array;
    sequential: Uint32Array;
    /** from class 0 to class 1 */
    sides: Uint32Array;
    font: string;
  }
  type Painted = { paint(): void };
  /** What all panels share. */
  interface Surroundings {
    painter: Painter;
    store: Store;
    palette(): Palette;
    tip: HTMLElement;
  }
  /** How a text is written on a canvas. */
  interface Style {
    align?: CanvasTextAlign;
    base?: CanvasTextBaseline;
    color?: string;
    size?: number;
    weight?: number;
    /** pixels of the surface's color around it */
    halo?: number;
    most?: number;
  }
  type Slider = { element: HTMLElement; show(value: number): void };
  type Mounted = {
    stop(): void;
    store: Store;
    wire: Wire;
    stats: Painter["stats"];
    paint(): void;
    runs: Run[];
  };
}
