"""Opens a report in headless Chromium, looks at it as a person would, and prints what it shows."""
import shutil
import sys
import time
from playwright.sync_api import sync_playwright

browser_path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
with sync_playwright() as play:
    browser = play.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
    page = browser.new_page(viewport={"width": 1300, "height": 1000})
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: requests.append(request.url))
    begun = time.time()
    page.goto("file://" + sys.argv[1])
    page.wait_for_selector("#map[data-drawn]")
    print("load_ms", int(1000 * (time.time() - begun)))
    print("detail", page.get_attribute("#map", "data-detail"))
    print("registers", page.text_content("#count"))
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + 600, box["y"] + 200)
    for _ in range(40):
        if page.get_attribute("#map", "data-detail") == "exact" and "to" in page.text_content("#place"):
            first, last = [int(word) for word in page.text_content("#place").split() if word.isdigit()][:2]
            if last - first < 40:
                break
        page.mouse.wheel(0, -300)
        page.wait_for_timeout(80)
    print("place", page.text_content("#place"))
    print("zoomed", page.get_attribute("#map", "data-detail"))
    tips = set()
    for y in range(6, int(box["height"]), 6):
        for x in range(20, 1200, 60):
            page.mouse.move(box["x"] + x, box["y"] + y)
            if page.locator("#tip").is_visible():
                tips.add(page.text_content("#tip").replace("\n", " | "))
        if len(tips) > 8:
            break
    for tip in sorted(tips):
        print("tip", tip)
    page.select_option("#axis", "time")
    page.wait_for_timeout(300)
    print("time", page.text_content("#place"))
    page.fill("#filter", "no such register")
    print("filtered", page.text_content("#count"))
    page.fill("#filter", "")
    page.click("#registers th:nth-child(5)")
    print("top", page.text_content("#registers tbody tr:nth-child(1) td:nth-child(5)"))
    page.click("#registers tbody tr:nth-child(1)")
    page.wait_for_selector(".lane canvas")
    print("lanes", page.locator(".lane").count())
    print("marks", page.locator("#marks tbody tr").count())
    print("requests", len([url for url in requests if not url.startswith(("file:", "blob:"))]))
    if len(sys.argv) > 2:
        page.screenshot(path=sys.argv[2])
    for error in errors:
        print("error", error)
    browser.close()
