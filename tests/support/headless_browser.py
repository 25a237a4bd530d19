"""A real Chromium without a window, spoken to in its DevTools protocol over two pipes.

https://chromedevtools.github.io/devtools-protocol/ describes methods and events.
"""

import base64
import json
import os
import select
import shutil
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.waiting import wait_until

NAMES = ('chromium', 'chromium-browser', 'google-chrome', 'chrome', 'chrome-headless-shell')
_KEYS = {
    'Enter': 13,
    'Escape': 27,
    'Tab': 9,
    'PageUp': 33,
    'PageDown': 34,
    'End': 35,
    'Home': 36,
    'ArrowLeft': 37,
    'ArrowUp': 38,
    'ArrowRight': 39,
    'ArrowDown': 40,
    'Delete': 46,
}


def find_browser() -> str | None:
    """Return the path of a Chromium, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Browser:
    """One page of a browser; a context manager that ends the browser.

    Attributes:
        events: every event so far, in the order it came.
    """

    def __init__(self, program: str, profile: Path) -> None:
        command_end, self._to = os.pipe()
        self._from, answer_end = os.pipe()
        flags = '--headless=new --no-sandbox --disable-gpu --disable-dev-shm-usage --no-first-run'
        # The browser reads commands from descriptor 3 and answers on 4.
        shell = (
            f'exec "$0" {flags} --disable-background-networking --remote-debugging-pipe '
            f'--user-data-dir="$1" about:blank 3<&{command_end} 4>&{answer_end}'
        )
        self._process = subprocess.Popen(
            ['bash', '-c', shell, program, str(profile)],
            pass_fds=(command_end, answer_end),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        os.close(command_end)
        os.close(answer_end)
        self._last = 0
        self._unread = b''
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []
        target = self.call('Target.createTarget', url='about:blank')['targetId']
        attached = self.call('Target.attachToTarget', targetId=target, flatten=True)
        self._session = attached['sessionId']
        for domain in ('Page', 'Runtime', 'Network', 'Log'):
            self.call(f'{domain}.enable')

    def __enter__(self) -> 'Browser':
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._to)
        os.close(self._from)
        os.killpg(self._process.pid, signal.SIGKILL)  # its own session: only what it started
        self._process.wait()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method and return its result."""
        self._last += 1
        message = {'id': self._last, 'method': method, 'params': params}
        if self._session:
            message['sessionId'] = self._session
        os.write(self._to, json.dumps(message).encode() + b'\0')
        while True:
            answer = self._receive()
            if answer.get('id') == self._last:
                assert 'error' not in answer, f'{method}: {answer["error"]}'
                return answer['result']
            self.events.append(answer)

    def open(self, page: Path | str) -> None:
        """Open a file or an address and wait until it is loaded."""
        begun = len(self.events)
        url = page if isinstance(page, str) else page.resolve().as_uri()
        self.call('Page.navigate', url=url)
        while not any(e.get('method') == 'Page.loadEventFired' for e in self.events[begun:]):
            self.events.append(self._receive())

    def run(self, script: str) -> Any:
        """Return the value of an expression, of a promise when it is kept."""
        result = self.call(
            'Runtime.evaluate', expression=script, returnByValue=True, awaitPromise=True
        )
        assert 'exceptionDetails' not in result, result
        return result['result'].get('value')

    def wait(self, script: str, seconds: float = 20) -> None:
        """Wait until an expression is true."""
        wait_until(lambda: self.run(script), seconds, script)

    def press(self, key: str) -> None:
        """Press and release a key, such as 'Enter' or 'Tab', or type a letter."""
        self.hold(key)
        self.release(key)

    def hold(self, key: str) -> None:
        """Press a key."""
        text = {'text': '\r' if key == 'Enter' else key} if key == 'Enter' or len(key) == 1 else {}
        self.call('Input.dispatchKeyEvent', type='keyDown', **_facts(key), **text)

    def release(self, key: str) -> None:
        """Let go of a key."""
        self.call('Input.dispatchKeyEvent', type='keyUp', **_facts(key))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        """Drag with the mouse from one point of the screen to another."""
        for kind, (x, y) in (
            ('mouseMoved', start),
            ('mousePressed', start),
            ('mouseMoved', end),
            ('mouseReleased', end),
        ):
            button = {'button': 'left', 'buttons': 1, 'clickCount': 1}
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, **button)

    def drop(self, paths: Sequence[Path], x: float, y: float) -> None:
        """Drop files or folders of the computer on a point of the screen."""
        data = {'items': [], 'files': [str(p) for p in paths], 'dragOperationsMask': 1}
        for kind in ('dragEnter', 'dragOver', 'drop'):
            self.call('Input.dispatchDragEvent', type=kind, x=x, y=y, data=data)

    def choose(self, selector: str, paths: Sequence[Path]) -> None:
        """Choose files in an `<input type=file>`."""
        root = self.call('DOM.getDocument')['root']['nodeId']
        node = self.call('DOM.querySelector', nodeId=root, selector=selector)['nodeId']
        self.call('DOM.setFileInputFiles', nodeId=node, files=[str(p) for p in paths])

    def save_to(self, folder: Path) -> None:
        """Let downloads go to a folder, without asking."""
        self.call('Page.setDownloadBehavior', behavior='allow', downloadPath=str(folder))

    def click(self, selector: str) -> None:
        """Click on the middle of an element, as a mouse does."""
        x, y = self.run(
            f'(() => {{ const e = document.querySelector({json.dumps(selector)}); '
            "e.scrollIntoView({block: 'center', behavior: 'instant'}); "
            'const r = e.getBoundingClientRect(); '
            'return [r.x + r.width / 2, r.y + r.height / 2]; })()'
        )
        for kind in ('mousePressed', 'mouseReleased'):
            self.call('Input.dispatchMouseEvent', type=kind, x=x, y=y, button='left', clickCount=1)

    def show(self, width: int, height: int, theme: str = 'light', mobile: bool = False) -> None:
        """Set size and theme of the screen."""
        self.call(
            'Emulation.setDeviceMetricsOverride',
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=mobile,
        )
        features = [{'name': 'prefers-color-scheme', 'value': theme}]
        self.call('Emulation.setEmulatedMedia', features=features)

    def screenshot(self, path: Path) -> None:
        """Write what is on the screen as PNG."""
        path.write_bytes(base64.b64decode(self.call('Page.captureScreenshot')['data']))

    def errors(self) -> list[str]:
        """Return what the page wrote to the console, and its uncaught errors."""
        kinds = ('Runtime.consoleAPICalled', 'Runtime.exceptionThrown', 'Log.entryAdded')
        return [json.dumps(e['params']) for e in self.events if e.get('method') in kinds]

    def requests(self) -> list[str]:
        """Return the addresses of everything that was asked for."""
        return [
            e['params']['request']['url']
            for e in self.events
            if e.get('method') == 'Network.requestWillBeSent'
        ]

    def _receive(self, seconds: float = 60) -> dict[str, Any]:
        end = time.monotonic() + seconds
        while b'\0' not in self._unread:
            ready, _, _ = select.select([self._from], [], [], max(0, end - time.monotonic()))
            assert ready, 'the browser does not answer'
            part = os.read(self._from, 1 << 20)
            assert part, 'the browser has ended'
            self._unread += part
        message, _, self._unread = self._unread.partition(b'\0')
        return json.loads(message)


def _facts(key: str) -> dict[str, Any]:
    code = _KEYS[key] if key in _KEYS else ord(key.upper())
    return {'key': key, 'code': key, 'windowsVirtualKeyCode': code}
