"""Layers whose dense sublayers stay quantized when they are saved, loaded and cloned."""

import keras


class KeepsQuantization:
    """Writes down how its sublayers were quantized; it is mixed in before `keras.layers.Layer`.

    A layer makes its sublayers with its own policy, but `quantize` gives each of them one of its own.
    """

    def get_config(self):
        config = super().get_config()
        quantized = {
            layer.name: {
                "policy": keras.dtype_policies.serialize(layer.dtype_policy),
                "how": keras.saving.serialize_keras_object(layer.quantization_config),
            }
            for layer in self._flatten_layers(include_self=False)
            if layer.quantization_mode
        }
        return {**config, "quantized": quantized} if quantized else config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        quantized = config.pop("quantized", {})
        made = super().from_config(config)
        for layer in made._flatten_layers(include_self=False):
            if layer.name in quantized:
                layer.dtype_policy = keras.dtype_policies.deserialize(quantized[layer.name]["policy"])
                layer.quantization_config = keras.saving.deserialize_keras_object(quantized[layer.name]["how"])
        return made


def quantization_of(model):
    """model -> how Keras quantized a layer of it, such as "int8"; None where it didn't."""
    modes = (layer.quantization_mode for layer in model._flatten_layers(include_self=False))
    return next((mode for mode in modes if mode), None)


def check_not_quantized(model):
    """Raises a `ValueError` if a layer of the model was quantized."""
    if mode := quantization_of(model):
        raise ValueError(
            f"The model was quantized to {mode} by Keras: its weights are no longer those of BERT's layouts. Keep it "
            'with model.save("....keras"), or write the model that it was before; keras_bert.export_onnx(..., '
            'precision="int8") and export_litert quantize that one themselves.'
        )
