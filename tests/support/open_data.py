"""The national open-data service on loopback: WFS 2.0 that answers with GeoJSON, page by page, as PDOK does."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Feature = dict[str, Any]
CAP = 1000
"""More features it never gives at once, and it does not say that there are."""


class OpenData:
    """Serves features of the national format as the service has them; `asked` has each question."""

    def __init__(self, areas: list[Feature], postcodes: list[dict[str, str]], *, cap: int = CAP) -> None:
        self.layers = _layers(areas, postcodes)
        self.asked: list[dict[str, str]] = []
        self.instead: tuple[int, bytes] | None = None
        """Status and body of every answer, when it is broken."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = service.instead or service._answer(self.path, cap)
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Says nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.address = f"http://127.0.0.1:{self._server.server_port}/cbs"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join(10)
        self._server.server_close()

    def _answer(self, path: str, cap: int) -> tuple[int, bytes]:
        address = urlsplit(path)
        asked = {name: values[0] for name, values in parse_qs(address.query).items()}
        self.asked.append(asked)
        theme, _, layer = asked["typeNames"].partition(":")
        if address.path != f"/cbs/{theme}/2024/wfs/v1_0" or asked["srsName"] != "urn:ogc:def:crs:EPSG::4326":
            return 404, b"{}"
        start, count = int(asked["startIndex"]), min(int(asked["count"]), cap)
        page = {"type": "FeatureCollection", "features": self.layers[layer][start : start + count]}
        return 200, json.dumps(page).encode()


def _layers(areas: list[Feature], postcodes: list[dict[str, str]]) -> dict[str, list[Feature]]:
    def border(letters: str) -> list[Feature]:
        return [
            _feature({"statcode": one["properties"]["code"], "statnaam": one["properties"]["name"]}, one["geometry"])
            for one in areas
            if one["properties"]["code"].startswith(letters)
        ]

    people = []
    for one in areas:
        said = one["properties"]
        if said["code"].startswith("GM"):
            land = {"gemeentecode": said["code"], "water": "NEE", "aantalInwoners": said["population"]}
            people += [_feature(land), _feature({**land, "water": "JA", "aantalInwoners": -99997})]
    return {
        "gemeente_gegeneraliseerd": border("GM"),
        "provincie_gegeneraliseerd": border("PV"),
        "veiligheidsregio_gegeneraliseerd": border("VR"),
        "gemeenten": people,
        "postcode4": [
            _feature({"postcode": int(one["pc4"]), "aantalInwoners": int(one["population"] or -99997)}, _square(one))
            for one in postcodes
        ],
    }


def _feature(properties: dict[str, Any], geometry: Any = None) -> Feature:
    return {"type": "Feature", "properties": properties, "geometry": geometry}


def _square(one: dict[str, str]) -> dict[str, Any]:
    """Some 100 m around the middle of a postcode."""
    lon, lat, half = float(one["lon"]), float(one["lat"]), 0.001
    west, east, south, north = lon - half, lon + half, lat - half, lat + half
    corners = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [corners]}
