from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from engagement.models import Interaction
from preferences.management import lookups
from preferences.management.example import ExampleCommand
from preferences.models import Brand
from preferences.streams import progress, quiet_end
from unsubscribe import demo
from unsubscribe.demo_year.writing import write_year

SLUG = "demo-year"
_EXAMPLE = """\
manage.py demo_data --interactions 200000

Makes the brand demo-year, with everything that its mailings brought in a year. The same --seed gives the same year.
manage.py count_interactions then counts it; a running worker does so by itself."""


class Command(ExampleCommand):
    help = "Make up a believable year of mailings, readers, robots and farewells, to see the admin's pages full."
    example = _EXAMPLE

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--interactions", type=int, default=100_000, metavar="N", help="about how many (default: 100000)"
        )
        parser.add_argument("--brand", default=SLUG, metavar="SLUG", help=f"a brand of its own (default: {SLUG})")
        parser.add_argument("--seed", type=int, default=1, metavar="NUMBER", help="another number, another year")

    def handle(self, *args: Any, **options: Any) -> None:
        number = options["interactions"]
        if number < 1_000:
            raise CommandError("A year needs 1,000 interactions at least.")
        brand = self._brand(options["brand"])
        lookups.require_address_key(brand)
        with quiet_end(), progress("interaction", number) as bar:
            written = write_year(brand, number, timezone.localtime(), options["seed"], bar.update)
        self.stdout.write(
            f"{written.events:,} interactions with {written.mailings:,} sendings to {written.readers:,} readers, "
            f"{written.farewells:,} farewells. Count them with manage.py count_interactions."
        )

    def _brand(self, slug: str) -> Brand:
        name = slug.replace("-", " ").title()
        brand, is_new = Brand.objects.get_or_create(slug=slug, defaults={"name": name})
        if not is_new and Interaction.objects.filter(brand_id=brand.pk).exists():
            raise CommandError(f"Brand {slug} has interactions already. Name another one with --brand.")
        if is_new:
            demo.make_topics(brand)
        return brand
