"""What the embedded image model can draw: plainly nameable things that all three icon sets share.

Knows the names and nothing of pixels, captions or training. A line of the table is `icon slug` or `icon slug=spoken
name`; where the sets hold both a whole animal and its face, the one that reads better at 64 pixels was taken.
"""

from dataclasses import dataclass

TABLE = """
animals: cat-face=cat dog-face=dog rabbit-face=rabbit pig-face=pig panda bear fox lion frog monkey-face=monkey penguin
  baby-chick=chick duck owl butterfly lady-beetle=ladybug turtle fish spouting-whale=whale elephant honeybee=bee
  octopus unicorn
food: red-apple=apple lemon banana watermelon grapes strawberry cherries pineapple carrot hamburger pizza
  soft-ice-cream=ice_cream doughnut=donut avocado ear-of-corn=corn bread cheese-wedge=cheese birthday-cake=cake
  hot-beverage=coffee
plants: evergreen-tree=pine_tree deciduous-tree=tree cactus mushroom sunflower tulip palm-tree four-leaf-clover=clover
vehicles: automobile=car bicycle rocket airplane sailboat balloon delivery-truck=truck locomotive=train
  flying-saucer=ufo
places: house castle snow-capped-mountain=mountain volcano
weather: sun crescent-moon=moon star cloud high-voltage=lightning rainbow umbrella snowman fire droplet=drop snowflake
  ringed-planet=planet
objects: key light-bulb guitar crown trophy gem-stone=diamond wrapped-gift=gift closed-book=book pencil
  soccer-ball=football basketball skull ghost alien jack-o-lantern=pumpkin bell camera top-hat=hat robot
symbols: red-heart=heart check-mark cross-mark=cross musical-note
faces: grinning-face smiling-face-with-sunglasses=cool_face
"""


@dataclass(frozen=True)
class Concept:
    """One thing to draw: its slug in the icon sets, its spoken name, and its group."""

    slug: str
    name: str
    group: str

    @property
    def plural(self) -> str:
        """The name for more than one of it; good enough English for captions."""
        if self.name.endswith(("fish", "sheep", "fries", "deer", "dice")):
            return self.name
        if self.name.endswith(("s", "x", "ch", "sh")):
            return self.name + ("" if self.name.endswith("s") and not self.name.endswith(("ss", "us")) else "es")
        if self.name.endswith("y") and self.name[-2] not in "aeiou":
            return self.name[:-1] + "ies"
        return self.name + "s"


def read_concepts(table: str = TABLE) -> dict[str, Concept]:
    """The table as slug -> Concept, in the table's order; a slug named twice keeps its first name."""
    concepts: dict[str, Concept] = {}
    group = ""
    for word in table.split():
        if word.endswith(":"):
            group = word[:-1]
            continue
        slug, _, name = word.partition("=")
        name = (name or slug).replace("-", " ").replace("_", " ")
        concepts.setdefault(slug, Concept(slug, name, group))
    return concepts
