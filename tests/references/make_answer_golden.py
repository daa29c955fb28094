"""Writes answer_golden.json.gz: what the official scripts say of invented answers and predictions.

    python make_answer_golden.py evaluate-v1.1.py evaluate-v2.0.py evaluate-korquad-v1.0.py

with the scripts of SQuAD v1.1, SQuAD v2.0 (it needs numpy) and KorQuAD v1.0, from
https://rajpurkar.github.io/SQuAD-explorer and https://korquad.github.io.
"""

import gzip
import importlib.util
import json
import random
import sys
from pathlib import Path

ENGLISH = "the a An red-brick Tower of St. Mary's 1,204 feet (high) U.S. é naïve “quoted” the\u00a0the $5 — an..."
KOREAN = "《한강》 부산에서 <서울> 〈토지〉 ‘김도윤’이 1987년에 (주)가나 \"가나다\" The U.S. 3.14% “따옴표” - 'a'"
WORDS = {"squad": ENGLISH.split(" "), "korquad": KOREAN.split(" ")}
COUNT = 1000


def load(path):
    spec = importlib.util.spec_from_file_location("official", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text(generator, rules):
    return " ".join(generator.choices(WORDS[rules], k=generator.choice([1, 1, 2, 3, 5])))


def article(answers):
    rows = [{"id": name, "answers": [{"text": gold} for gold in golds]} for name, golds in answers.items()]
    return [{"paragraphs": [{"qas": rows}]}]


def cases(generator, rules, impossible):
    answers, predictions = {}, {}
    for i in range(COUNT):
        golds = [text(generator, rules) for _ in range(generator.choice([1, 1, 2, 3]))]
        near = generator.choice([golds[-1], golds[0].upper() + ".", golds[0].split()[0], text(generator, rules), ""])
        answers[str(i)] = [] if impossible and generator.random() < 0.4 else golds
        predictions[str(i)] = near
    return answers, predictions


def main():
    scripts = dict(zip(("squad", "squad2", "korquad"), map(load, sys.argv[1:]), strict=True))
    generator = random.Random(11)
    golden = {}
    for rules in ("squad", "korquad"):
        answers, predictions = cases(generator, rules, impossible=False)
        one_by_one = {
            name: scripts[rules].evaluate(article({name: golds}), predictions) for name, golds in answers.items()
        }
        golden[rules] = {
            "answers": answers,
            "predictions": predictions,
            "scores": {name: [score["exact_match"], score["f1"]] for name, score in one_by_one.items()},
            "all": scripts[rules].evaluate(article(answers), predictions),
        }
    official = scripts["squad2"]
    answers, predictions = cases(generator, "squad", impossible=True)
    exact, f1 = official.get_raw_scores(article(answers), predictions)
    golden["squad2"] = {
        "answers": answers,
        "predictions": predictions,
        "scores": {name: [100.0 * exact[name], 100.0 * f1[name]] for name in answers},
        "all": dict(official.make_eval_dict(exact, f1)),
    }
    # The threshold's search, where predictions are answers: it counts a lone "the" as one, though it scores as none.
    predictions = {name: "red " + prediction for name, prediction in predictions.items()}
    answers = {name: ["red " + gold for gold in golds] for name, golds in answers.items()}
    differences = {name: round(generator.gauss(0, 3) - 2 * bool(golds), 4) for name, golds in answers.items()}
    exact, f1 = official.get_raw_scores(article(answers), predictions)
    has_answer = official.make_qid_to_has_ans(article(answers))
    best, threshold = official.find_best_thresh(predictions, f1, differences, has_answer)
    golden["threshold"] = {
        "answers": answers,
        "predictions": predictions,
        "null_differences": differences,
        "threshold": threshold,
        "f1": best,
    }
    path = Path(__file__).with_name("answer_golden.json.gz")
    written = json.dumps(golden, ensure_ascii=False, separators=(",", ":")) + "\n"
    path.write_bytes(gzip.compress(written.encode(), mtime=0))
    print({rules: golden[rules].get("all", golden[rules].get("f1")) for rules in golden})


main()
