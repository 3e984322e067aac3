// What pages do beyond mdBook: quizzes that answer, the projector's layout, and three
// corrections for those who use a keyboard or a screen reader.
(() => {
    "use strict";

    // A choice is judged at once; the answer opens with it, whatever was chosen.
    for (const quiz of document.querySelectorAll(".quiz")) {
        const verdict = quiz.querySelector(".quiz-verdict");
        const answer = quiz.querySelector("details");
        for (const choice of quiz.querySelectorAll("input[type=radio]")) {
            choice.addEventListener("change", () => {
                const right = choice.value === "right";
                verdict.textContent = right ? "Yes." : "No. Read why, then try again.";
                verdict.classList.toggle("right", right);
                verdict.classList.toggle("wrong", !right);
                answer.open = true;
            });
        }
    }

    // mdBook's sidebar button is a label: give it a button's role, place and keys.
    const toggle = document.getElementById("mdbook-sidebar-toggle");
    if (toggle) {
        toggle.setAttribute("role", "button");
        toggle.tabIndex = 0;
        toggle.addEventListener("keydown", (event) => {
            if (event.key === "Enter" || event.key === " ") {
                event.preventDefault();
                toggle.click();
            }
        });
    }
    // Task lists have boxes without a name.
    for (const box of document.querySelectorAll("main li > input[type=checkbox]")) {
        box.setAttribute("aria-label", box.parentElement.textContent.trim());
    }
    // What scrolls by itself can be reached by keyboard.
    for (const block of document.querySelectorAll("main pre > code, main .table-wrapper")) {
        if (block.scrollWidth > block.clientWidth || block.scrollHeight > block.clientHeight) {
            block.tabIndex = 0;
        }
    }

    // `?projector` at the end of a page's address, or Shift+P.
    const projector = "myria-projector";
    const show = (on) => document.documentElement.classList.toggle("projector", on);
    const remember = (on) => {
        try { sessionStorage.setItem(projector, on ? "1" : ""); } catch { /* private mode */ }
    };
    let on = new URLSearchParams(location.search).has("projector");
    try { on ||= sessionStorage.getItem(projector) === "1"; } catch { /* private mode */ }
    remember(on);
    show(on);
    document.addEventListener("keydown", (event) => {
        const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
        if (event.shiftKey && event.key === "P" && !typing) {
            on = !on;
            remember(on);
            show(on);
        }
    });
})();
