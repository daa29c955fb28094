"""How BERT is trained: AdamW that spares biases and layer normalizations, and a rate that warms up and decays."""

import functools
import numbers
import sys

import keras
from keras import ops

from keras_bert.checks import check_positive_integer, check_positive_number


@keras.saving.register_keras_serializable("keras_bert")
class WarmupLinearDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A learning rate that rises linearly to its peak, then falls linearly to 0.

    Args:
        peak_learning_rate: The highest rate, reached at the end of the warm-up.
        total_steps: Number of optimizer steps S; the rate is 0 from step S on.
        warmup_steps: Number of steps W of the rise, an integer of at most S; the first step already has 1 / W of the
            peak, so that it isn't lost.

    Raises:
        ValueError: If an argument is out of its range.

    Reference: Devlin et al., 2018, appendix A.2. As in the `get_linear_schedule_with_warmup` of transformers, the
    fall begins at the peak; in the code of the original release it begins at step 0.

    Example:
    >>> schedule = WarmupLinearDecay(1.0, total_steps=10, warmup_steps=2)
    >>> [round(float(schedule(step)), 3) for step in (0, 1, 2, 6, 10)]
    [0.5, 1.0, 1.0, 0.5, 0.0]
    """

    def __init__(self, peak_learning_rate, total_steps, warmup_steps=0):
        super().__init__()
        self.peak_learning_rate = check_positive_number("peak_learning_rate", peak_learning_rate)
        self.total_steps = check_positive_integer("total_steps", total_steps)
        if not isinstance(warmup_steps, numbers.Integral) or not 0 <= warmup_steps <= total_steps:
            raise ValueError(
                f"`warmup_steps` must be an integer between 0 and total_steps={total_steps}: steps, not a share of "
                f"them. Received: warmup_steps={warmup_steps!r}."
            )
        self.warmup_steps = int(warmup_steps)

    def __call__(self, step):
        step = ops.cast(step, "float32")
        rise = (step + 1) / max(1, self.warmup_steps)
        fall = (self.total_steps - step) / max(1, self.total_steps - self.warmup_steps)
        return self.peak_learning_rate * ops.clip(ops.minimum(rise, fall), 0.0, 1.0)

    def get_config(self):
        return {
            "peak_learning_rate": self.peak_learning_rate,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
        }


@keras.saving.register_keras_serializable("keras_bert")
class AdamW(keras.optimizers.AdamW):
    """AdamW with BERT's exclusions: weight decay for kernels and embeddings, none for biases and LayerNorm.

    The arithmetic is that of `keras.optimizers.AdamW` with `global_clipnorm`. On TensorFlow, outside a
    `tf.distribute` strategy, clipping, decay and update of a variable run as one compiled pass over its memory instead
    of dozens of operations.

    Args:
        learning_rate: A float or a schedule, e.g. `WarmupLinearDecay`.
        weight_decay: Decoupled weight decay, relative to the learning rate.
        beta_1: Decay rate of the first moment.
        beta_2: Decay rate of the second moment.
        epsilon: Added to the root of the second moment.
        global_clipnorm: The gradients are scaled down together to at most this norm; None: never.
        **kwargs: As in `keras.optimizers.AdamW`.

    Reference: Loshchilov and Hutter, 2019 (https://arxiv.org/abs/1711.05101). Defaults and exclusions are those of the
    original release (https://github.com/google-research/bert, optimization.py), which, unlike this one, left Adam's
    moments uncorrected for their start at 0.

    Example:
    >>> optimizer = AdamW(WarmupLinearDecay(5e-5, total_steps=1000, warmup_steps=100))
    """

    def __init__(
        self,
        learning_rate=5e-5,
        weight_decay=0.01,
        beta_1=0.9,
        beta_2=0.999,
        epsilon=1e-6,
        global_clipnorm=1.0,
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

    def _use_weight_decay(self, variable):
        """Biases and the scales and offsets of layer normalizations are vectors; all else is a matrix."""
        return len(variable.shape) > 1 and super()._use_weight_decay(variable)

    def _backend_apply_gradients(self, grads, trainable_variables):
        """Keras's hook between clipping and writing. Were it renamed, Keras's own path would run: slower, the same."""
        if not self._can_fuse():
            return super()._backend_apply_gradients(grads, trainable_variables)
        import tensorflow as tf

        grads = [tf.cast(tf.convert_to_tensor(gradient), "float32") for gradient in grads]
        scale = 1.0
        if self.global_clipnorm:
            norm = tf.sqrt(2.0 * tf.add_n([tf.nn.l2_loss(gradient) for gradient in grads]))
            scale = self.global_clipnorm / tf.maximum(norm, self.global_clipnorm)
        learning_rate = tf.cast(self.learning_rate, "float32")
        step = tf.cast(self.iterations + 1, "float32")
        rate = learning_rate * tf.sqrt(1.0 - self.beta_2**step) / (1.0 - self.beta_1**step)
        fused_update = _fused_update(self.beta_1, self.beta_2, self.epsilon)
        for gradient, variable in zip(grads, trainable_variables, strict=True):
            i = self._get_variable_index(variable)
            decay = learning_rate * self.weight_decay if self._use_weight_decay(variable) else tf.constant(0.0)
            handles = [keeper.value.handle for keeper in (variable, self._momentums[i], self._velocities[i])]
            fused_update(*handles, gradient, scale, rate, decay)

    def _can_fuse(self):
        """Whether the compiled update computes what Keras's own would, on this backend."""
        # TensorFlow for macOS compiles nothing with XLA where its Metal plug-in is installed.
        if keras.backend.backend() != "tensorflow" or sys.platform == "darwin":
            return False
        import tensorflow as tf

        unusual = self.amsgrad or self.use_ema or self.gradient_accumulation_steps or self.clipnorm or self.clipvalue
        float32 = all(variable.dtype == "float32" for variable in self._trainable_variables)
        return float32 and not unusual and not tf.distribute.has_strategy()


@functools.cache
def _fused_update(beta_1, beta_2, epsilon):
    """Adam's constants -> a compiled function that updates a variable and its moments in one pass.

    It takes the variables' handles: traced on the variables themselves, it would outlive and miss them.
    """
    import tensorflow as tf

    def read(handle):
        return tf.raw_ops.ReadVariableOp(resource=handle, dtype=tf.float32)

    def write(handle, value):
        tf.raw_ops.AssignVariableOp(resource=handle, value=value)

    @tf.function(jit_compile=True)
    def update(variable, momentum, velocity, gradient, scale, rate, decay):
        gradient *= scale
        new_momentum = read(momentum) + (gradient - read(momentum)) * (1.0 - beta_1)
        new_velocity = read(velocity) + (tf.square(gradient) - read(velocity)) * (1.0 - beta_2)
        old = read(variable)
        write(momentum, new_momentum)
        write(velocity, new_velocity)
        write(variable, old - decay * old - rate * new_momentum / (tf.sqrt(new_velocity) + epsilon))

    return update
