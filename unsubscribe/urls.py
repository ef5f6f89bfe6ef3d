"""The public doors. `u` is the body's link, `o` the List-Unsubscribe header's, `p` preferences, `h` the hidden one, `j`
the one that subscribes, `a` the address form, `d` a person's own data, `c` a tracked link, `i` the mail's counting
picture, `s` a short link, which stands for any of them."""

from __future__ import annotations

from django.urls import URLPattern, path

from unsubscribe import access, after, asking, brand_files, centre, joining, tracked, views


def _unsubscribe_doors(door: str, name: str) -> list[URLPattern]:
    return [
        path(f"{door}/<str:token>", views.landing, {"door": door}, name=f"{name}-landing"),
        path(f"{door}/<str:token>/arrive", views.arrive, {"door": door}, name=f"{name}-arrive"),
        path(f"{door}/<str:token>/confirm", views.confirm, {"door": door}, name=f"{name}-confirm"),
        path(f"{door}/<str:token>/undo", views.undo, {"door": door}, name=f"{name}-undo"),
        path(f"{door}/<str:token>/offer", after.offer, {"door": door}, name=f"{name}-offer"),
        path(f"{door}/<str:token>/why", after.why, {"door": door}, name=f"{name}-why"),
        path(f"{door}/<str:token>/preferences", centre.preferences, {"door": door}, name=f"{name}-preferences"),
    ]


app_name = "unsubscribe"
urlpatterns = [
    *_unsubscribe_doors("u", "link"),
    *_unsubscribe_doors("o", "header"),
    path("a/", asking.ask, {"token": ""}, name="ask"),
    path("a/<slug:token>", asking.ask, name="ask-brand"),
    path("p/<str:token>", centre.preferences, {"door": "p"}, name="preferences"),
    path("b/<str:name>", brand_files.brand_file, name="brand-file"),
    path("p/<str:token>/why", after.why, {"door": "p"}, name="preferences-why"),
    *[
        path(f"{door}/<str:token>/data", access.ask_for_data, {"door": door}, name=f"data-ask-{door}")
        for door in ("u", "o", "p", "j", "d")
    ],
    path("d/<str:token>", access.show, name="data"),
    path("d/<str:token>/json", access.download, name="data-download"),
    path("d/<str:token>/erase", access.erase, name="data-erase"),
    path("h/<str:token>", views.hidden, {"door": "h"}, name="hidden"),
    path("j/<str:token>", joining.landing, {"door": "j"}, name="join-landing"),
    path("j/<str:token>/arrive", joining.arrive, {"door": "j"}, name="join-arrive"),
    path("j/<str:token>/confirm", joining.confirm, {"door": "j"}, name="join-confirm"),
    path("j/<str:token>/undo", joining.undo, {"door": "j"}, name="join-undo"),
    path("j/<str:token>/preferences", centre.preferences, {"door": "j"}, name="join-preferences"),
    path("c/<str:token>", tracked.click, name="click"),
    path("c/<str:token>/conversion", tracked.conversion, name="conversion"),
    path("i/<str:token>.gif", tracked.pixel, name="open"),
    path("s/<str:code>", tracked.short, name="short"),
]
