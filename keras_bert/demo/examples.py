"""Texts to begin with, written for this project; of each tab those that a model's vocabulary can spell."""

TOKENS = [
    "Here is the sentence I want embeddings for.",
    "Unbelievably, the café re-opened at 9:30!",
    "나는 오늘 사과를 먹었다.",
]
MASKED = [
    "The capital of France is [MASK].",
    "She put the [MASK] on the table and [MASK] the door.",
    "우리는 어제 [MASK]에 갔다.",
]
ATTENTION = [
    "The cat sat on the mat because it was tired.",
    "The bank of the river was steep, so the bank sent nobody there.",
    "고양이는 피곤해서 매트 위에 앉았다.",
]
OPINIONS = [
    "The plot is thin, but the two leads are a joy to watch.",
    "Two hours that I will never get back.",
    "음식은 맛있었지만 직원이 불친절했다.",
]
PAIRS = [
    ("A man is playing the guitar on stage.", "Someone is making music."),
    ("The train was late again.", "The bakery opens at seven."),
    ("버스가 일찍 도착했다.", "버스가 늦게 왔다."),
]
NAMES = [
    "My friend Tom Weber left Acme Textiles and opened a bakery in Graz.",
    "Can't wait to see Arsenal play at Wembley on Saturday with my cousin Tom!",
    "김유정은 강원도 춘천에서 태어났다.",
]
_PARAGRAPH = (
    "The lighthouse of Tarn Head was built in 1871 by the engineer Martha Quill. It is 34 metres high and stands on a "
    "rock that the sea covers at high tide. Until 1988 a keeper lived in it; since then its lamp has been run from the "
    "harbour office in Port Ellery."
)
_KOREAN_PARAGRAPH = (
    "솔내 도서관은 1962년에 세워졌다. 건축가 한미래가 설계했으며, 책은 모두 8만 권이다. "
    "도서관은 월요일에 쉬고 토요일에는 오후 여섯 시까지 연다."
)
QUESTIONS = [
    ("Who built the lighthouse?", _PARAGRAPH),
    ("How high is it?", _PARAGRAPH),
    ("도서관은 누가 설계했나?", _KOREAN_PARAGRAPH),
]
_SENTENCES = """The cat is asleep on the sofa.
A kitten naps in the sun.
Shares fell sharply on Monday.
The market lost three percent.
Boil the pasta for nine minutes.
Add salt to the water before it simmers.
The train to Lyon leaves at noon.
My flight was delayed by two hours."""
_KOREAN_SENTENCES = """고양이가 소파에서 자고 있다.
새끼 고양이가 햇볕에서 존다.
월요일에 주가가 크게 떨어졌다.
파스타를 구 분 동안 삶으세요.
기차는 정오에 부산으로 떠난다."""
SEARCHES = [
    ("How long does the spaghetti cook?", _SENTENCES),
    ("A pet is resting.", _SENTENCES),
    ("면은 얼마나 삶나요?", _KOREAN_SENTENCES),
]


def fitting(examples, tokenizer):
    """texts or tuples of them, a `WordPieceTokenizer` -> those that it spells without [UNK], or all if it can't.

    Those that need the fewest tokens for their characters come first: they are of the vocabulary's own language.
    """
    rated = []
    for example in examples:
        text = example if isinstance(example, str) else " ".join(example)
        tokens = tokenizer.tokens(text, keep_special_tokens=True)
        rated.append((tokens.count("[UNK]") > 0, len(tokens) > len(text.replace(" ", "")) / 2, example))
    kept = [row for row in rated if not row[0]] or rated
    return [example for *_, example in sorted(kept, key=lambda row: row[1])]
