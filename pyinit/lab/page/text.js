/** What the page says, in English and Chinese. */

/** @type {Record<string, [string, string]>} */
const TEXTS = {
  title: ["pyinit lab", "pyinit 实验室"],
  tagline: ["watch initialization decide a network's fate", "看初始化如何决定网络的命运"],
  views: ["Views", "视图"],
  train: ["Initialize and train", "初始化与训练"],
  layers: ["Through the layers", "逐层观察"],
  compare: ["Side by side", "并排比较"],
  phase: ["Phase diagram", "相图"],
  tour: ["Guided tour", "导览"],
  settings: ["Settings", "设置"],
  presets: ["Start from", "起点"],
  data: ["Data", "数据"],
  own: ["Your own: drop a CSV or npz file, or choose one", "自己的数据：拖入 CSV 或 npz 文件，或点击选择"],
  network: ["Network", "网络"],
  depth: ["Layers", "层数"],
  width: ["Width", "宽度"],
  activation: ["Activation", "激活函数"],
  norm: ["Normalization", "归一化"],
  initialization: ["Initialization", "初始化"],
  recipe: ["Recipe", "方法"],
  scale: ["Scale", "尺度"],
  critical: ["× critical", "× 临界"],
  sigma_b: ["Bias std", "偏置标准差"],
  add: ["Add a run beside", "并排加一个"],
  remove: ["Remove this run", "移除"],
  training: ["Training", "训练"],
  optimizer: ["Optimizer", "优化器"],
  learning_rate: ["Learning rate", "学习率"],
  batch_size: ["Batch", "批大小"],
  steps: ["Steps", "步数"],
  seed: ["Seed", "随机种子"],
  play: ["Play", "播放"],
  pause: ["Pause", "暂停"],
  step: ["Step", "单步"],
  rewind_hint: ["Rewind to the same weights", "倒回到同样的权重"],
  pace: ["Steps a frame", "每帧步数"],
  loss: ["Loss", "损失"],
  accuracy: ["Accuracy", "准确率"],
  score: ["Score", "得分"],
  rmse: ["RMSE", "均方根误差"],
  at: ["step", "步"],
  of: ["of", "/"],
  scored_at: ["scored at", "评分于"],
  boundary: ["Decision boundary", "决策边界"],
  network_drawn: ["The network", "网络图"],
  weights: ["Weights", "权重"],
  gradients: ["Gradients", "梯度"],
  curve: ["Cost curve", "代价曲线"],
  log: ["log", "对数"],
  profile: ["Layer by layer", "逐层大小"],
  gradient_norm: ["gradient norm", "梯度范数"],
  weight_norm: ["weight norm", "权重范数"],
  answers: ["Answers against the truth", "预测与真值"],
  true_value: ["true", "真值"],
  answered: ["answered", "预测"],
  layer: ["layer", "层"],
  histogram: ["Distributions in every layer", "每层的分布"],
  pre_activation: ["Pre-activation", "激活前"],
  activation_kind: ["Activation", "激活值"],
  gradient: ["Gradient", "梯度"],
  weight: ["Weight", "权重"],
  theory: ["theory, at the start", "理论（起点）"],
  saturated: ["saturated", "饱和"],
  dead: ["dead", "死亡"],
  mean: ["mean", "均值"],
  std: ["std", "标准差"],
  heatmap: ["All layers over time", "所有层随时间的变化"],
  heat_activation: ["Activations", "激活值"],
  heat_gradient: ["Gradients", "梯度"],
  heat_saturated: ["Saturated", "饱和"],
  heat_dead: ["Dead", "死亡"],
  heat_update: ["Updates / weights", "更新 / 权重"],
  rms: ["rms", "均方根"],
  relative: ["rms / output layer's", "均方根 / 输出层"],
  digits: ["Predictions", "预测"],
  right: ["right", "正确"],
  wrong: ["wrong", "错误"],
  phase_diagram: ["Order and chaos", "有序与混沌"],
  phase_help: [
    "Each point is an initialization: weights of standard deviation σw / √inputs, biases of σb. Left of the line, in order, signals become alike and gradients vanish; right of it, in chaos, neighbours part and gradients explode. On the line both live as deep as you like. Click a point to start there.",
    "图上每一点是一种初始化：权重标准差为 σw / √输入数，偏置标准差为 σb。线的左边是有序相：信号趋同，梯度消失；右边是混沌相：相邻输入分离，梯度爆炸。在线上，两者可以传到任意深处。点击一点，从那里开始。",
  ],
  chi: ["Slope χ", "斜率 χ"],
  depth_scale: ["Depth scale ξ", "深度尺度 ξ"],
  ordered: ["ordered", "有序"],
  chaotic: ["chaotic", "混沌"],
  here: ["you are here", "你在这里"],
  tried: ["Runs tried", "试过的运行"],
  restore: ["Restore", "恢复"],
  run_it: ["Run it", "运行看看"],
  answer: ["Answer", "答案"],
  next: ["Next lesson", "下一课"],
  copy_link: ["Copy link", "复制链接"],
  copy_python: ["Copy as Python", "复制为 Python"],
  copied: ["Copied", "已复制"],
  copy_failed: ["Could not copy; select the text instead", "无法复制，请手动选择文本"],
  close: ["Close", "关闭"],
  theme: ["Light or dark", "浅色或深色"],
  language: ["中文", "English"],
  connecting: ["Connecting …", "正在连接……"],
  closed: ["Connection lost; trying again …", "连接已断开，正在重试……"],
  refused: [
    "The lab was started again, at another address. Open the one that pyinit lab prints now; with what follows # in this one it shows the same experiment.",
    "实验室已重新启动，地址已变。请打开 pyinit lab 现在给出的地址；在其后加上本地址 # 之后的部分，即为同一个实验。",
  ],
  use: ["Use it", "使用"],
  target: ["Column to predict", "要预测的列"],
  drop_here: ["Drop the file", "松开以放入文件"],
  too_large: ["The file is larger than the lab takes", "文件超过实验室的上限"],
  finished: ["Finished", "已完成"],
  diverged: ["diverged", "发散"],
  too_wide: ["Too large to draw every weight: a bar is a layer's norm", "网络太大，无法画出每个权重：条形为各层范数"],
  nothing_yet: ["Press Play to begin", "按“播放”开始"],
  canvas_help: ["Arrow keys read the values.", "用方向键读取数值。"],
  label: ["Initialization", "初始化"],
  test: ["test", "测试"],
  train_rows: ["train", "训练"],
};

/** @type {Language} */
let current = "en";

/** @returns {Language} the language that is spoken now */
export const language = () => current;

/** @param {string | null} wanted @returns {Language} the language of a tag such as zh-CN, else the browser's */
export function languageOf(wanted) {
  return (wanted ?? navigator.language).toLowerCase().startsWith("zh") ? "zh" : "en";
}

/** @param {string} key */
export function t(key) {
  const both = TEXTS[key];
  return both ? both[current === "zh" ? 1 : 0] : key;
}

/** @param {Said | null | undefined} both @returns {string} the text of the language spoken */
export function said(both) {
  if (both === null || both === undefined) return "";
  return typeof both === "string" ? both : (both[current] ?? both.en);
}

/** Speak a language in everything below `root`. @param {HTMLElement} root @param {Language} wanted */
export function speak(root, wanted) {
  current = wanted;
  root.lang = wanted === "zh" ? "zh-Hans" : "en";
  translate(root);
}

/** @param {HTMLElement} root */
export function translate(root) {
  for (const one of root.querySelectorAll("[data-t]")) one.textContent = t(one.getAttribute("data-t") ?? "");
  for (const one of root.querySelectorAll("[data-t-label]")) {
    const label = t(one.getAttribute("data-t-label") ?? "");
    one.setAttribute("aria-label", label);
    one.setAttribute("title", label);
  }
}
