"""The command `keras-bert TASK ...`: runs the recipe of a task, with the recipe's own options."""

import importlib
import sys

from keras_bert.recipes import command_line

TASKS = {
    "pretrain": "plain text in, a pretrained BERT out",
    "classify": "a text in, a label out: sentiment, topic, spam, intent",
    "tag": "a tag for each word or character: entities, parts of speech",
    "pair": "two texts in, a label or a score out: inference, paraphrase, similarity",
    "answer": "a question and a paragraph in, the part that answers it out",
    "distil": "a trained model in, a smaller and faster one out that answers nearly as well",
    "embed": "texts that belong together in, an encoder that gives them similar vectors out: search, clustering",
    "predict": "a file in, a trained model's answers out, whatever its task",
    "evaluate": "a test file in, a trained model's scores out",
    "export": "a trained model in, a directory for TensorFlow Serving, ONNX Runtime or LiteRT out",
    "demo": "trained models in, a page to play with them in the browser",
}


def main(arguments=None):
    """Runs a task: list of strings, or None for those of this process."""
    task, *options = (sys.argv[1:] if arguments is None else arguments) or ["--help"]
    if task in ("-h", "--help"):
        print(described())
        return
    if task not in TASKS:
        print(f"error: Expected a task, one of {', '.join(TASKS)}. Received: {task}.", file=sys.stderr)
        raise SystemExit(2)
    recipe = importlib.import_module(f"keras_bert.recipes.{task}")
    command_line.run(recipe.Config, recipe.main, options, program=f"keras-bert {task}")


def described():
    """-> the help: what each task does."""
    width = max(map(len, TASKS))
    lines = [f"  {name:{width}}  {what}" for name, what in TASKS.items()]
    return "\n".join(["usage: keras-bert TASK [OPTIONS]", "", *lines, "", "Options: keras-bert TASK --help"])


if __name__ == "__main__":
    main()
