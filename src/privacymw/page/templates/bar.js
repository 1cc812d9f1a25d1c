// The bar, and parts that wait for a choice. Reads one cookie, posts one form of this site.
(() => {
	const { ask, at, cookie, free: opts } = document.currentScript.dataset;
	const asked = [...new URLSearchParams(ask)];
	const bar = document.getElementById("privacy-bar");
	let allowed, before;

	// Whether all is answered. A yes holds for what it was said to.
	const look = () => {
		const line = document.cookie.split("; ").find((each) => each.startsWith(cookie + "=")) || "";
		const found = new URLSearchParams(line.slice(cookie.length + 1));
		const open = ([name, digest]) => ![digest, "0"].includes(found.get(name));
		const free = opts == "" && !navigator.globalPrivacyControl;
		allowed = asked.filter((one) => found.get(one[0]) == one[1] || (free && open(one))).map(([name]) => name);
		return !asked.some(open);
	};

	// These only: no other markup of a visitor's may come to life.
	const tags = "script iframe img source video audio track embed object link".split(" ");
	const loads = "type src srcset srcdoc href poster data imagesrcset".split(" ");
	const free = (held) => {
		let part = held;
		if (held.localName == "script") { // only a new one runs
			part = held.cloneNode(true);
			part.type = "";
			part.async = held.hasAttribute("async");
		}
		for (const name of loads) {
			const old = part.getAttributeNode("data-privacy-" + name);
			if (old) part.setAttribute(name, old.value), part.removeAttribute(old.name);
		}
		const place = held.previousElementSibling;
		if (place?.matches("privacy-held")) {
			place.remove();
			part.hidden = false;
		}
		part.removeAttribute("data-privacy-category");
		if (part != held) held.replaceWith(part);
	};
	const release = () => {
		if (allowed.length) for (const held of document.querySelectorAll("[data-privacy-category]"))
			if (tags.includes(held.localName) && allowed.includes(held.dataset.privacyCategory.trim())) free(held);
	};

	const decide = async (value) => {
		const had = allowed, said = bar.nextElementSibling, body = new URLSearchParams("do=save");
		for (const [name] of asked) body.set("c." + name, value || +bar.querySelector(`[name="${name}"]`).checked);
		await fetch(at, { method: "POST", body, redirect: "manual" }).catch(() => 0);
		const done = look();
		said.textContent = said.dataset[done ? "saved" : "failed"];
		if (!done) return;
		if (had.some((name) => !allowed.includes(name))) location.reload();
		release();
		if (!before?.isConnected) (before = document.body).tabIndex = -1;
		before.focus();
		bar.hidden = true;
	};

	const done = look();
	if (bar) {
		bar.hidden = done;
		bar.classList.add("privacy-bar-live");
		bar.querySelector("div [hidden]").hidden = false;
		bar.onclick = ({ target }) => { if (target.localName == "button") decide(target.value); };
		bar.addEventListener("focusin", ({ relatedTarget: from }) => { if (from && !bar.contains(from)) before = from; });
	}
	release();
	new MutationObserver(release).observe(document, { childList: true, subtree: true });
})();
