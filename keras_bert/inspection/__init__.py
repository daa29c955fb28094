"""What happens inside a model: attention weights, hidden states, which tokens speak for an answer; and pictures."""

from keras_bert.inspection.answers import attributions
from keras_bert.inspection.attention_pictures import show_attention
from keras_bert.inspection.attribution_pictures import show_attributions
from keras_bert.inspection.encoder import attention, attention_of_inputs, hidden_states, hidden_states_of_inputs
from keras_bert.inspection.vector_pictures import show_embeddings

__all__ = [
    "attention",
    "attention_of_inputs",
    "attributions",
    "hidden_states",
    "hidden_states_of_inputs",
    "show_attention",
    "show_attributions",
    "show_embeddings",
]
