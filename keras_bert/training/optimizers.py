"""How BERT is trained: AdamW and LAMB that spare biases and layer normalizations, a rate that warms up and decays."""

import functools
import numbers
import sys

import keras
from keras import ops

from keras_bert.distribution.keras_internals import SummedGradients
from keras_bert.training.layer_decay import check_layer_decay, shares_of_rate
from keras_bert.utils.checks import check_positive_integer, check_positive_number


@keras.saving.register_keras_serializable("keras_bert")
class WarmupPolynomialDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly to its peak, then falls, linearly or by a power, to its end.

    Args:
        peak_learning_rate: The highest rate, reached at the end of the warm-up.
        total_steps: Number of optimizer steps S; the rate is `end_learning_rate` from step S on.
        warmup_steps: Number of steps W of the rise, an integer of at most S; the first step already has 1 / W of the
            peak, so that it isn't lost.
        power: The share of the fall that is left, from 1 at step W to 0 at step S, is raised to it.
        end_learning_rate: The last rate, at most the peak.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Devlin et al., 2018, appendix A.2. As in the `get_linear_schedule_with_warmup` of transformers, the
    fall begins at the peak; in the code of the original release it begins at step 0.

    Example:
    >>> schedule = WarmupPolynomialDecay(1.0, total_steps=10, warmup_steps=2)
    >>> [round(float(schedule(step)), 3) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """

    def __init__(self, peak_learning_rate, total_steps, warmup_steps=0, power=1.0, end_learning_rate=0.0):
        super().__init__()
        self.peak_learning_rate = check_positive_number("peak_learning_rate", peak_learning_rate)
        self.total_steps = check_positive_integer("total_steps", total_steps)
        if not isinstance(warmup_steps, numbers.Integral) or not 0 <= warmup_steps <= total_steps:
            raise ValueError(
                f"`warmup_steps` must be an integer between 0 and total_steps={total_steps}: steps, not a share of "
                f"them. Received: warmup_steps={warmup_steps!r}."
            )
        self.warmup_steps = int(warmup_steps)
        self.power = check_positive_number("power", power)
        is_number = isinstance(end_learning_rate, numbers.Real) and not isinstance(end_learning_rate, bool)
        if not is_number or not 0 <= end_learning_rate <= peak_learning_rate:
            raise ValueError(
                f"`end_learning_rate` must be a number between 0 and peak_learning_rate={peak_learning_rate}: a rate, "
                f"not a share of the peak. Received: end_learning_rate={end_learning_rate!r}."
            )
        self.end_learning_rate = float(end_learning_rate)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = ops.clip((step + 1) / max(1, self.warmup_steps), 0.0, 1.0)
        left = ops.clip((self.total_steps - step) / max(1, self.total_steps - self.warmup_steps), 0.0, 1.0)
        fall = self.end_learning_rate + (self.peak_learning_rate - self.end_learning_rate) * left**self.power
        return ops.minimum(self.peak_learning_rate * rise, fall)

    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "power": self.power,
            "end_learning_rate": self.end_learning_rate,
        }


@keras.saving.register_keras_serializable("keras_bert")
class AdamW(SummedGradients, keras.optimizers.AdamW):
    """AdamW with BERT's exclusions: weight decay for kernels and embeddings, none for biases and LayerNorm.

    The arithmetic is that of `keras.optimizers.AdamW` with `global_clipnorm`, but for a row of a table that is looked
    up more than once, whose gradients are summed before they are squared, and under a `tf.distribute` strategy, where
    the sum of the replicas' gradients is clipped. On TensorFlow, clipping, decay and update of a variable run as one
    compiled pass over its memory instead of dozens of operations.

    Args:
        learning_rate: A float or a schedule, e.g. `WarmupPolynomialDecay`.
        weight_decay: Decoupled weight decay, relative to the learning rate.
        beta_1: Decay rate of the first moment.
        beta_2: Decay rate of the second moment.
        epsilon: Added to the root of the second moment.
        global_clipnorm: The gradients are scaled down together to at most this norm; None: never.
        layer_decay: What is left of the learning rate, and with it of the weight decay, from one layer to the next
            below: of a model with L encoder layers the heads have all of it, the pooler `layer_decay` of that, layer i,
            counted from 0, `layer_decay ** (L + 1 - i)`, and the embedding `layer_decay ** (L + 2)`. None: all alike.
        **kwargs: As in `keras.optimizers.AdamW`.

    Raises:
        ValueError: If `layer_decay` isn't in (0, 1]. When it is built, if a variable is bfloat16 or float16, or if
            there is a `layer_decay` and a variable is of no layer of this library's models.

    Reference: Loshchilov and Hutter, 2019 (https://arxiv.org/abs/1711.05101). Defaults and exclusions are those of the
    original release (https://github.com/google-research/bert, optimization.py), which, unlike this one, left Adam's
    moments uncorrected for their start at 0. `layer_decay` is as in ELECTRA's code
    (https://github.com/google-research/electra, model/optimization.py), where weights decay by their layer's rate too.

    Example:
    >>> optimizer = AdamW(WarmupPolynomialDecay(5e-5, total_steps=1000, warmup_steps=100))
    """

    _adapts_layers = False

    def __init__(
        self,
        learning_rate=5e-5,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        global_clipnorm=1.0,
        layer_decay=None,
        **kwargs,
    ):
        super().__init__(
            learning_rate=learning_rate,
            weight_decay=weight_decay,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            global_clipnorm=global_clipnorm,
            **kwargs,
        )
        self.layer_decay = check_layer_decay(layer_decay)
        self._shares = None  # of the learning rate, one for each variable

    def build(self, variables):
        if half := sorted({variable.dtype for variable in variables} & {"bfloat16", "float16"}):
            raise ValueError(
                "The weights to train must be float32 or float64: in half the bits, small steps and the squares of "
                f"small gradients are lost. Received: weights of {', '.join(half)}. Call "
                f'keras.config.set_dtype_policy("mixed_{half[0]}") before building or loading the model; it is as fast.'
            )
        if self.layer_decay is not None:
            self._shares = shares_of_rate([variable.path for variable in variables], self.layer_decay)
        super().build(variables)

    def _rate_of(self, variable, learning_rate):
        """A variable, the learning rate -> the variable's own."""
        if self._shares is None:
            return learning_rate
        return learning_rate * self._shares[self._get_variable_index(variable)]

    def _use_weight_decay(self, variable):
        """Biases and the scales and offsets of layer normalizations are vectors; all else is a matrix."""
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)

    @staticmethod
    def _direction(variable, momentum, velocity, corrections, epsilon, weight_decay):
        """A variable, its new moments, constants -> what is subtracted from it, but for the learning rate."""
        rate = ops.sqrt(corrections[1]) / corrections[0]
        return rate * momentum / (ops.sqrt(velocity) + epsilon) + weight_decay * variable

    def _corrections(self, dtype):
        """How much of each moment is made of gradients by now; the rest is the 0 at which it began."""
        step = ops.cast(self.iterations + 1, dtype)
        return [1.0 - beta**step for beta in (self.beta_1, self.beta_2)]

    def _apply_weight_decay(self, variables):
        """Keras would decay all variables by one rate, here; if each has its own, `update_step` does."""
        if self._shares is None:
            super()._apply_weight_decay(variables)

    def update_step(self, gradient, variable, learning_rate):
        learning_rate = self._rate_of(variable, learning_rate)
        if self._shares is not None and self._use_weight_decay(variable):
            decayed = ops.cast(learning_rate * self.weight_decay, variable.dtype)
            self.assign_sub(variable, ops.multiply(variable, decayed))
        super().update_step(gradient, variable, learning_rate)

    def _backend_apply_gradients(self, grads, trainable_variables):
        """Keras's hook between clipping and writing. Were it renamed, Keras's own path would run: slower, the same."""
        if keras.backend.backend() != "tensorflow":
            return super()._backend_apply_gradients(grads, trainable_variables)
        import tensorflow as tf

        # An embedding's gradient comes as one slice a look-up. Keras would square the slices of a row, not their sum.
        grads = self.sum_over_replicas([tf.convert_to_tensor(gradient) for gradient in grads])
        # Keras can't clip gradients of several types together, and under float64 heads still have float32.
        dtype = keras.backend.result_type(*{gradient.dtype.name for gradient in grads})
        grads = [tf.cast(gradient, dtype) for gradient in grads]
        if not self._can_fuse():
            return super()._backend_apply_gradients(grads, trainable_variables)

        def norm(*tensors):
            # Not add_n, whose order of the sum, and so its last bit, depends on which tensor is ready first.
            return tf.sqrt(2.0 * tf.reduce_sum(tf.stack([tf.nn.l2_loss(tensor) for tensor in tensors])))

        scale = self.global_clipnorm / tf.maximum(norm(*grads), self.global_clipnorm) if self.global_clipnorm else 1.0
        learning_rate = tf.cast(self.learning_rate, "float32")
        corrections = self._corrections("float32")
        fused_update = _fused_update(self._direction, self.beta_1, self.beta_2, self.epsilon)
        # Every replica has the same sums, and so makes the same update to its own copy of the variables.
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            i = self._get_variable_index(variable)
            handles = [keeper.value.handle for keeper in (variable, self._momentums[i], self._velocities[i])]
            decay = self.weight_decay if self._use_weight_decay(variable) else 0.0
            adapts = self._adapts_layers and self._use_weight_decay(variable)
            rate = self._rate_of(variable, learning_rate)
            direction = fused_update(handles, gradient, scale, corrections, decay, None if adapts else rate)
            if adapts:  # XLA's norms on a CPU take longer than this second pass.
                rate *= _trust_ratio(norm(variable.value), norm(direction))
                tf.raw_ops.ResourceApplyGradientDescent(var=handles[0], alpha=rate, delta=direction)

    def _can_fuse(self):
        """Whether the compiled update computes what Keras's own would, on TensorFlow."""
        # TensorFlow for macOS compiles nothing with XLA where its Metal plug-in is installed.
        if sys.platform == "darwin":
            return False
        import tensorflow as tf

        unusual = self.amsgrad or self.use_ema or self.gradient_accumulation_steps or self.clipnorm or self.clipvalue
        float32 = all(variable.dtype == "float32" for variable in self._trainable_variables)
        on_tpu = isinstance(tf.distribute.get_strategy(), tf.distribute.TPUStrategy)  # There XLA compiles all.
        return float32 and not unusual and not on_tpu

    def get_config(self):
        return {**super().get_config(), "layer_decay": self.layer_decay}


@keras.saving.register_keras_serializable("keras_bert")
class LAMB(AdamW):
    """LAMB, for batches of thousands: Adam whose step on a matrix is as long as the matrix, times the learning rate.

    Weight decay is part of the step whose length is set; `keras.optimizers.Lamb` decays apart from it. Biases and
    LayerNorm, and what `exclude_from_weight_decay` names, take Adam's own step, without decay. On TensorFlow the update
    is compiled, as that of `AdamW` is.

    Args:
        learning_rate: A float or a schedule, e.g. `WarmupPolynomialDecay`.
        weight_decay: Share of a matrix that is added to its step, before its length is set.
        beta_1: Decay rate of the first moment.
        beta_2: Decay rate of the second moment.
        epsilon: Added to the root of the second moment.
        global_clipnorm: The gradients are scaled down together to at most this norm; None: never.
        layer_decay: As in `AdamW`.
        **kwargs: As in `keras.optimizers.Optimizer`.

    Raises:
        ValueError: If `amsgrad` is asked for, or `weight_decay` is None; as `AdamW`.

    Reference: You et al., 2020 (https://arxiv.org/abs/1904.00962), algorithm 2, with phi(x) = x.

    Example:
    >>> optimizer = LAMB(WarmupPolynomialDecay(2e-3, total_steps=1000, warmup_steps=100))
    """

    _adapts_layers = True

    def __init__(
        self,
        learning_rate=1e-3,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        global_clipnorm=1.0,
        layer_decay=None,
        **kwargs,
    ):
        if "amsgrad" in kwargs:
            raise ValueError(
                f"LAMB has no `amsgrad`: leave it out, or use AdamW. Received: amsgrad={kwargs['amsgrad']!r}."
            )
        super().__init__(learning_rate, weight_decay, beta_1, beta_2, epsilon, global_clipnorm, layer_decay, **kwargs)

    @staticmethod
    def _direction(variable, momentum, velocity, corrections, epsilon, weight_decay):
        return momentum / corrections[0] / (ops.sqrt(velocity / corrections[1]) + epsilon) + weight_decay * variable

    def _apply_weight_decay(self, variables):
        """Keras would decay here, apart from the ratio; `_direction` does."""

    def update_step(self, gradient, variable, learning_rate):
        i = self._get_variable_index(variable)
        keepers = (self._momentums[i], self._velocities[i], variable)
        gradient, *moments, old = (ops.cast(tensor, variable.dtype) for tensor in (gradient, *keepers))
        moments = _new_moments(*moments, gradient, self.beta_1, self.beta_2)
        adapts = self._use_weight_decay(variable)
        decay = self.weight_decay if adapts else 0.0
        direction = self._direction(old, *moments, self._corrections(variable.dtype), self.epsilon, decay)
        norms = [ops.sqrt(ops.sum(ops.square(tensor))) for tensor in (old, direction)]
        rate = ops.cast(self._rate_of(variable, learning_rate), variable.dtype)
        rate *= _trust_ratio(*norms) if adapts else 1.0
        for keeper, value in zip(keepers, (*moments, old - rate * direction), strict=True):
            self.assign(keeper, value)

    def get_config(self):
        config = super().get_config()
        del config["amsgrad"]
        return config


def _new_moments(momentum, velocity, gradient, beta_1, beta_2):
    """Adam's moments, a gradient -> the moments with the gradient in them."""
    return (
        momentum + (gradient - momentum) * (1.0 - beta_1),
        velocity + (ops.square(gradient) - velocity) * (1.0 - beta_2),
    )


def _trust_ratio(variable_norm, direction_norm):
    """LAMB's two norms -> their ratio; 1 for a variable that is still 0, or doesn't move."""
    return ops.where(ops.minimum(variable_norm, direction_norm) > 0, variable_norm / direction_norm, 1.0)


@functools.cache
def _fused_update(direction_of, beta_1, beta_2, epsilon):
    """An optimizer's `_direction`, Adam's constants -> a compiled function that updates in one pass over the memory.

    It writes the moments, and the variable too; without a learning rate it returns the direction instead. It takes the
    variables' handles: traced on the variables themselves, it would outlive and miss them.
    """
    import tensorflow as tf

    def write(handle, value):
        tf.raw_ops.AssignVariableOp(resource=handle, value=value)

    @tf.function(jit_compile=True)
    def update(handles, gradient, scale, corrections, weight_decay, learning_rate):
        variable, *moments = (tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32) for handle in handles)
        moments = _new_moments(*moments, gradient * scale, beta_1, beta_2)
        direction = direction_of(variable, *moments, corrections, epsilon, weight_decay)
        write(handles[1], moments[0])
        write(handles[2], moments[1])
        if learning_rate is None:
            return direction
        write(handles[0], variable - learning_rate * direction)

    return update
