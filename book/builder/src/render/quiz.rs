//! Quizzes: a question, perhaps with choices, and the answer behind a button.

use crate::{
    directive::Directive,
    expand::{Page, Refusal, Shown},
};

/// `{{#quiz}} question --- answer {{#/quiz}}`.
pub fn show(page: &mut Page, directive: &Directive) -> Shown {
    let body = directive.body.as_deref().unwrap_or_default();
    let (question, answer) = body
        .split_once("\n---\n")
        .filter(|(question, answer)| !question.trim().is_empty() && !answer.trim().is_empty())
        .ok_or("a quiz is a question, a line `---`, and an answer")?;
    let (question, choices) = choices(question);
    let right = choices.iter().filter(|choice| choice.right).count();
    if !choices.is_empty() && (right != 1 || !(2..=5).contains(&choices.len())) {
        let why = "of two to five choices `( ) …`, exactly one is `(x) …`";
        return Err(Refusal::Wrong(why.into()));
    }
    page.quizzes += 1;
    let name = format!("{}-quiz-{}", page.slug, page.quizzes);
    let question = page.expand(&question, directive.line + 1);
    let before = body.len() - answer.len();
    let behind = directive.line + 1 + body[..before].matches('\n').count();
    let answer = page.expand(answer, behind);
    let mut shown = format!(
        "<section class=\"quiz\" aria-labelledby=\"{name}\">\n\
         <p class=\"quiz-title\" id=\"{name}\">Predict</p>\n\n{}\n\n",
        question.trim()
    );
    if !choices.is_empty() {
        shown += "<fieldset>\n<legend>Your answer</legend>\n\n";
        for choice in &choices {
            let value = if choice.right { "right" } else { "wrong" };
            shown += &format!(
                "<label><input type=\"radio\" name=\"{name}\" value=\"{value}\"> {}</label>\n\n",
                choice.text
            );
        }
        shown += "</fieldset>\n<p class=\"quiz-verdict\" role=\"status\"></p>\n\n";
    }
    shown += &format!(
        "<details>\n<summary>Show the answer</summary>\n\n{}\n\n</details>\n</section>\n",
        answer.trim()
    );
    Ok(shown)
}

struct Choice {
    right: bool,
    text: String,
}

/// The question without the choices at its end, and these.
fn choices(question: &str) -> (String, Vec<Choice>) {
    let mut text = String::new();
    let mut choices: Vec<Choice> = Vec::new();
    for line in question.lines() {
        let trimmed = line.trim().trim_start_matches("- ");
        let choice = [("( ) ", false), ("(x) ", true)]
            .into_iter()
            .find_map(|(mark, right)| Some((trimmed.strip_prefix(mark)?, right)));
        match (choice, choices.last_mut()) {
            (Some((text, right)), _) => choices.push(Choice { right, text: text.to_owned() }),
            // A choice that goes on in the next line.
            (None, Some(last)) if !trimmed.is_empty() => {
                last.text.push(' ');
                last.text.push_str(trimmed);
            }
            (None, Some(_)) => {}
            (None, None) => {
                text.push_str(line);
                text.push('\n');
            }
        }
    }
    (text, choices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_stand_at_the_end() {
        let (text, choices) = choices("What?\n\n( ) this\n(x) that\n  and more\n");
        assert_eq!(text.trim(), "What?");
        let of = |choice: &Choice| (choice.right, choice.text.clone());
        let choices: Vec<_> = choices.iter().map(of).collect();
        assert_eq!(choices, [(false, "this".into()), (true, "that and more".into())]);
    }
}
