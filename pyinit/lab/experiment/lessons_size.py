"""The tour's first lessons: how large weights should be."""

from __future__ import annotations

from .experiment import Experiment
from .lesson import Lesson, Text
from .start import Start

__all__ = ["LESSONS"]

_CRITICAL = "critical_normal"

LESSONS: tuple[Lesson, ...] = (
    Lesson(
        "zero_symmetry",
        Text("Zeros stay equal", "零初始化的对称性"),
        Text(
            "With all weights 0, or all the same number, every unit of a layer computes the same and gets "
            "the same gradient. Equal units stay equal: the layer counts as one unit, however wide it is. "
            "Random weights break the tie.",
            "如果权重全是 0,或全是同一个数,同一层的单元算出同样的值,也得到同样的梯度。相同的单元会一直相同:"
            "这一层再宽也只相当于一个单元。随机权重打破这种对称。",
        ),
        Text(
            "After 600 steps, which of the three starts has learned the circles?",
            "600 步之后,三种初始化中哪一种学会了同心圆?",
        ),
        Text(
            "Only the random one. Zeros receive no gradient in the hidden layers, and constants move "
            "together: both stay at chance, a loss of ln 2 = 0.693.",
            "只有随机的那一种。全零时隐藏层没有梯度,常数时各单元一起移动:两者都停在乱猜,损失为"
            " ln 2 = 0.693。",
        ),
        Experiment(
            "circles",
            depth=3,
            width=8,
            steps=600,
            runs=(Start("zeros"), Start("constant"), Start("xavier_normal")),
        ),
        "network",
    ),
    Lesson(
        "logistic_from_zero",
        Text("Where zero is fine", "零也可以的地方"),
        Text(
            "One layer has no hidden units to tell apart. Logistic regression has a convex loss, and "
            "zeros are as good a start as any: the first loss is exactly ln 2.",
            "只有一层时,没有隐藏单元需要区分。逻辑回归的损失是凸函数,从零开始和从别处开始一样好:第一步的损"
            "失正好是 ln 2。",
        ),
        Text("Do both starts end at the same boundary?", "两种初始化最后的分界线相同吗?"),
        Text(
            "Yes. A convex loss has one minimum, and both reach it: the same loss, the same line.",
            "相同。凸损失只有一个最小值,两者都走到那里:同样的损失,同一条直线。",
        ),
        Experiment(
            "moons",
            depth=1,
            width=1,
            optimizer="sgd",
            learning_rate=0.1,
            steps=600,
            runs=(Start("zeros"), Start("normal")),
        ),
        "boundary",
    ),
    Lesson(
        "saturation",
        Text("Too large: saturation", "太大:饱和"),
        Text(
            "Weights of standard deviation 1 make sums of size sqrt(784) = 28. There tanh is flat: units "
            "say -1 or 1 whatever the digit, and their slope, which gradients are multiplied by, is "
            "almost 0.",
            "标准差为 1 的权重,使输入 784 个像素的和大到 sqrt(784) = 28。tanh 在那里是平的:单元对哪个数字"
            "都输出 -1 或 1,而梯度要乘的斜率几乎是 0。",
        ),
        Text(
            "Which share of the first layer is saturated, and how many digits does each start get right?",
            "第一层饱和的比例是多少?两种初始化各认对多少数字?",
        ),
        Text(
            "Over nine tenths are saturated. After 250 steps Xavier gets about 90 % right, the large "
            "start about 40 %.",
            "超过九成饱和。250 步之后,Xavier 认对约 90%,太大的那个约 40%。",
        ),
        Experiment(
            "mnist",
            depth=4,
            width=64,
            optimizer="sgd",
            learning_rate=0.05,
            steps=250,
            runs=(Start("normal"), Start("xavier_normal")),
        ),
        "layers",
    ),
    Lesson(
        "vanishing",
        Text("Too small: vanishing", "太小:消失"),
        Text(
            "At a fifth of the critical scale every layer passes on a fifth of its signal, and a fifth of "
            "its gradient. Eight layers multiply: the first gets a gradient some 70,000 times smaller "
            "than the last.",
            "权重只有临界尺度的五分之一时,每层只传下五分之一的信号,梯度也一样。八层相乘:第一层得到的梯度比"
            "最后一层小约七万倍。",
        ),
        Text(
            "Does the small start catch up within 1,000 steps?",
            "太小的那个在 1000 步内能赶上吗?",
        ),
        Text(
            "No. Its loss stays at ln 2, while the critical start separates the spirals.",
            "不能。它的损失停在 ln 2,而临界尺度的那个已经分开了螺旋。",
        ),
        Experiment(
            "spirals",
            depth=8,
            width=32,
            optimizer="sgd",
            learning_rate=0.1,
            steps=1000,
            runs=(Start(_CRITICAL, scale=0.2), Start(_CRITICAL)),
        ),
        "heatmap",
    ),
    Lesson(
        "exploding",
        Text("Too large: exploding", "太大:爆炸"),
        Text(
            "relu does not saturate, so at twice the critical scale every layer doubles its signal and "
            "its gradient. Ten layers make a thousand of one, and a step of that size throws the weights "
            "away.",
            "relu 不会饱和,所以在临界尺度的两倍时,每层都把信号和梯度放大一倍。十层就是一千倍,这么大的一步"
            "会把权重抛得很远。",
        ),
        Text("How many steps does the large start survive?", "太大的那个能撑几步?"),
        Text(
            "Fewer than ten: then its numbers are no longer finite, and the run ends. The other learns.",
            "不到十步:之后它的数就不再有限,训练结束。另一个正常学习。",
        ),
        Experiment(
            "moons",
            depth=10,
            width=32,
            activation="relu",
            optimizer="sgd",
            learning_rate=0.02,
            steps=300,
            runs=(Start(_CRITICAL, scale=2.0), Start(_CRITICAL)),
        ),
        "curve",
    ),
    Lesson(
        "xavier",
        Text("Xavier: the same size in every layer", "Xavier:每层大小相同"),
        Text(
            "Glorot and Bengio (2010) chose the variance 2 / (inputs + units): between what keeps the "
            "signal and what keeps the gradient. For tanh this keeps all layers alive.",
            "Glorot 与 Bengio(2010)取方差 2 / (输入数 + 单元数):介于保持信号与保持梯度之间。对 tanh,这让各"
            "层都活着。",
        ),
        Text(
            "Compare the standard deviations of the last hidden layer: which start has lost its signal?",
            "比较最后一个隐藏层的标准差:哪一种初始化丢掉了信号?",
        ),
        Text(
            "normal(std=0.01): hardly a billionth is left of it, and its loss stays at ln 2. Under Xavier "
            "the last hidden layer has over half of what the first one has, and the network learns.",
            "normal(std=0.01):信号只剩不到十亿分之一,损失停在 ln 2。用 Xavier 时,最后一个隐藏层还有第一层的"
            "一半以上,网络学得很好。",
        ),
        Experiment(
            "spirals",
            depth=8,
            width=32,
            optimizer="momentum",
            learning_rate=0.05,
            steps=1500,
            runs=(Start("xavier_normal"), Start("normal", (("std", 0.01),))),
        ),
        "layers",
    ),
)
"""From zeros to Xavier."""
